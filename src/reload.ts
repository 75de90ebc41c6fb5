import { watch } from 'chokidar'
import { type Clock, type Instant, ms, type Timer } from './base/clock.ts'
import { KurirError } from './base/failure.ts'
import type { Log } from './base/log.ts'
import type { Actor, Ledger, RulesetRecord } from './ledger/ledger.ts'
import { loadRuleset } from './rules/load-ruleset.ts'
import { readRulesFolder } from './rules/read-rules-folder.ts'
import { formatProblem, type RuleProblem } from './rules/rule-problem.ts'
import type { RuleFile } from './rules/rule-source.ts'
import type { Ruleset } from './rules/ruleset.ts'

/** Editors save in several steps; what comes within this time is one change. */
const SETTLE = ms(250)
/** The watched folder itself may be replaced, which no watcher sees. */
const LOOK_ANYWAY = ms(30_000)

export interface RulesInForceDeps {
  readonly folder: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly ledger: Pick<Ledger, 'rulesetInForce' | 'lastRuleset' | 'processEvent' | 'views'>
  readonly clock: Clock
  readonly log: Log
}

/** A ruleset with what is told about it. */
export interface InForce {
  readonly ruleset: Ruleset
  readonly loadedAt: Instant
  readonly files: readonly string[]
}

export type ReloadOutcome =
  | { readonly kind: 'loaded'; readonly inForce: InForce }
  | { readonly kind: 'refused'; readonly problems: readonly RuleProblem[] }

/**
 * The ruleset that decides now. It is swapped whole or not at all: everything that can fail happens before anything live is
 * touched, and a folder that does not load leaves the old one in force (RULES.md semantics 12).
 */
export class RulesInForce implements AsyncDisposable {
  readonly #deps: RulesInForceDeps
  readonly #listeners: ((inForce: InForce) => void)[] = []
  readonly #closing: (() => Promise<void>)[] = []
  #inForce: InForce
  #problems: readonly RuleProblem[]
  #reloading: Promise<unknown> = Promise.resolve()
  #timer: Timer | undefined

  private constructor(deps: RulesInForceDeps, inForce: InForce, problems: readonly RuleProblem[]) {
    this.#deps = deps
    this.#inForce = inForce
    this.#problems = problems
  }

  /**
   * Loads the folder, or when it does not load the last ruleset that did.
   *
   * @throws KurirError `invalid-rules` with every mistake when no ruleset was ever in force
   */
  static async open(deps: RulesInForceDeps): Promise<RulesInForce> {
    const read = await readAndLoad(deps)
    if ('ruleset' in read) {
      const inForce = await putInForce(deps, read, { name: 'start' })
      return new RulesInForce(deps, inForce, [])
    }
    const last = await deps.ledger.lastRuleset()
    const kept = last === undefined ? undefined : loadRuleset(filesOf(last), deps.environment)
    if (last === undefined || kept === undefined || !('ruleset' in kept)) throw invalidRules(read.problems)
    logProblems(deps.log, read.problems)
    const files = last.files.map((file) => file.name)
    return new RulesInForce(deps, { ruleset: kept.ruleset, loadedAt: last.loadedAt, files }, read.problems)
  }

  get current(): InForce {
    return this.#inForce
  }

  /** Why the folder as it stands is not in force; empty when it is. */
  get problems(): readonly RuleProblem[] {
    return this.#problems
  }

  /** Called after each change, with what is in force from then on. */
  onChange(listener: (inForce: InForce) => void): void {
    this.#listeners.push(listener)
  }

  /** Reads the folder again. One reload at a time; the same files again change nothing. */
  reload(by: Actor): Promise<ReloadOutcome> {
    const outcome = this.#reloading.then(() => this.#reload(by))
    this.#reloading = outcome.catch(() => {})
    return outcome
  }

  /** Reloads whenever the folder changes, until disposed. */
  watch(): void {
    const watcher = watch(this.#deps.folder, { ignoreInitial: true, depth: 1 })
    watcher.on('all', () => this.#reloadSoon())
    watcher.on('error', () => this.#deps.log.warn('rules-watch-failed'))
    this.#closing.push(() => watcher.close())
    this.#lookAnyway()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.cancel()
    for (const close of this.#closing.splice(0)) await close()
    await this.#reloading
  }

  #reloadSoon(): void {
    this.#timer?.cancel()
    this.#timer = this.#deps.clock.after(SETTLE, () => {
      this.reload({ name: 'watcher' }).catch(() => this.#deps.log.error('rules-reload-failed'))
    })
  }

  #lookAnyway(): void {
    const timer = this.#deps.clock.after(LOOK_ANYWAY, () => {
      this.#reloadSoon()
      this.#lookAnyway()
    })
    this.#closing.push(async () => timer.cancel())
  }

  async #reload(by: Actor): Promise<ReloadOutcome> {
    const read = await readAndLoad(this.#deps)
    if (!('ruleset' in read)) return this.#refuse(read.problems, by)
    if (read.ruleset.digest === this.#inForce.ruleset.digest) {
      this.#problems = []
      return { kind: 'loaded', inForce: this.#inForce }
    }
    const owed = await this.#stillOwed(read.ruleset)
    if (owed.length > 0) return this.#refuse(owed, by)
    this.#inForce = await putInForce(this.#deps, read, by)
    this.#problems = []
    for (const listener of this.#listeners) listener(this.#inForce)
    return { kind: 'loaded', inForce: this.#inForce }
  }

  async #refuse(problems: readonly RuleProblem[], by: Actor): Promise<ReloadOutcome> {
    const known = this.#problems.map(formatProblem).join('\n') === problems.map(formatProblem).join('\n')
    this.#problems = problems
    if (!known) {
      logProblems(this.#deps.log, problems)
      const detail = `${problems.length} problems`
      await this.#deps.ledger.processEvent({ event: 'ruleset-refused', actor: by.name, outcome: 'failure', detail })
    }
    return { kind: 'refused', problems }
  }

  /** A destination that is still owed something cannot leave the rules: its deliveries would have nowhere to go. */
  async #stillOwed(next: Ruleset): Promise<readonly RuleProblem[]> {
    const problems: RuleProblem[] = []
    for (const [name, { destination }] of this.#inForce.ruleset.destinations) {
      if (next.destinations.has(name)) continue
      const depth = await this.#deps.ledger.views.queueDepth(name)
      const owed = depth.ready + depth.waiting + depth.sending + depth.awaitingCommitment + depth.held
      if (owed === 0) continue
      const message = `destination ${name} is gone from the rules, but ${owed} deliveries are still owed to it; keep it until they are settled or cancelled.`
      problems.push({ file: destination.file, line: destination.line, column: 1, message })
    }
    return problems
  }
}

type Read =
  | { readonly ruleset: Ruleset; readonly files: readonly RuleFile[] }
  | { readonly problems: readonly RuleProblem[] }

async function readAndLoad(deps: RulesInForceDeps): Promise<Read> {
  const folder = await readRulesFolder(deps.folder)
  if ('problems' in folder) return folder
  const loaded = loadRuleset(folder.files, deps.environment)
  return 'ruleset' in loaded ? { ruleset: loaded.ruleset, files: folder.files } : loaded
}

async function putInForce(
  deps: RulesInForceDeps,
  { ruleset, files }: { readonly ruleset: Ruleset; readonly files: readonly RuleFile[] },
  by: Actor,
): Promise<InForce> {
  const loadedAt = deps.clock.now()
  const texts = files.map(({ name, bytes }) => ({ name, text: Buffer.from(bytes).toString('utf8') }))
  await deps.ledger.rulesetInForce({ digest: ruleset.digest, loadedAt, by: by.name, files: texts })
  deps.log.info('ruleset-loaded', { ruleset: ruleset.digest.slice(0, 12), count: files.length })
  return { ruleset, loadedAt, files: files.map((file) => file.name) }
}

const filesOf = (record: RulesetRecord): readonly RuleFile[] =>
  record.files.map(({ name, text }) => ({ name, bytes: Buffer.from(text, 'utf8') }))

function logProblems(log: Log, problems: readonly RuleProblem[]): void {
  for (const { file, line, column, message } of problems) {
    log.error('ruleset-refused', { file, line, column, reason: message })
  }
}

const invalidRules = (problems: readonly RuleProblem[]): KurirError =>
  new KurirError('invalid-rules', 'permanent', problems.map(formatProblem).join('\n'))
