import type { Clock } from './base/clock.ts'
import { KurirError } from './base/failure.ts'
import type { Log } from './base/log.ts'
import type { Actor, Ledger } from './ledger/ledger.ts'
import type { RulesetPin } from './ledger/records.ts'
import type { LedgerViews, RulesetRow } from './ledger/views.ts'
import { type Candidate, type Compiled, compileKept, type FolderLook, lookAtFolder } from './reload/candidate.ts'
import { FolderWatch } from './reload/folder-watch.ts'
import { stillOwed } from './reload/still-owed.ts'
import { formatProblem, type RuleProblem } from './rules/rule-problem.ts'
import type { Ruleset } from './rules/ruleset.ts'

export interface RulesInForceDeps {
  readonly folder: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly ledger: Pick<Ledger, 'rulesetInForce' | 'lastRuleset' | 'processEvent'> & {
    readonly views: Pick<LedgerViews, 'queueDepth' | 'rulesetFiles'>
  }
  readonly clock: Clock
  readonly log: Log
}

/** A ruleset with what is told about it. */
export interface InForce extends RulesetRow {
  readonly ruleset: Ruleset
}

export type ReloadOutcome =
  | { readonly kind: 'loaded'; readonly inForce: InForce }
  | { readonly kind: 'refused'; readonly problems: readonly RuleProblem[] }

/** A person's word that the rules are to be others. */
export interface RulesetOrder {
  readonly by: Actor
  /** Take them although they drop a destination that is still owed something; that is held then. */
  readonly force?: boolean
}

/**
 * The ruleset that decides now. It is swapped whole or not at all: everything that can fail happens before anything live is
 * touched, and a folder that does not load leaves the old one in force (RULES.md semantics 12). A person may pin an earlier
 * one over the folder as it stands; a change of the folder, or a reload that is asked for, ends that.
 */
export class RulesInForce implements AsyncDisposable {
  readonly #deps: RulesInForceDeps
  readonly #listeners: ((inForce: InForce) => void)[] = []
  #inForce: InForce
  #problems: readonly RuleProblem[]
  #changing: Promise<unknown> = Promise.resolve()
  #watching: FolderWatch | undefined

  private constructor(deps: RulesInForceDeps, inForce: InForce, problems: readonly RuleProblem[]) {
    this.#deps = deps
    this.#inForce = inForce
    this.#problems = problems
  }

  /**
   * Loads the folder; when it does not load, or is pinned over, the last ruleset that was in force.
   *
   * @throws KurirError `invalid-rules` with every mistake when no ruleset was ever in force
   */
  static async open(deps: RulesInForceDeps): Promise<RulesInForce> {
    const look = await lookAtFolder(deps.folder, deps.environment)
    const last = await lastInForce(deps)
    if (last !== undefined && (isPinnedOver(last, look) || isSame(last, look))) return new RulesInForce(deps, last, [])
    const judged = await judge(deps, look.compiled(), last, false)
    if (judged.kind === 'compiled') {
      return new RulesInForce(deps, await putInForce(deps, judged.candidate, START, null), [])
    }
    if (last === undefined) throw invalidRules(judged.problems)
    logProblems(deps.log, judged.problems)
    return new RulesInForce(deps, last, judged.problems)
  }

  get current(): InForce {
    return this.#inForce
  }

  /** Why the folder as it stands is not in force; empty when it is, or when another is pinned over it. */
  get problems(): readonly RuleProblem[] {
    return this.#problems
  }

  /** Called after each change, with what is in force from then on. */
  onChange(listener: (inForce: InForce) => void): void {
    this.#listeners.push(listener)
  }

  /** Reads the folder again because somebody asked for it, which ends a pin. One change at a time. */
  reload(by: Actor, force = false): Promise<ReloadOutcome> {
    return this.#inTurn(async () => this.#take((await this.#look()).compiled(), { by, force }, null))
  }

  /** Reads the folder again because it may have changed; the same files again change nothing, nor does what is pinned over. */
  look(): Promise<ReloadOutcome> {
    return this.#inTurn(async () => {
      const look = await this.#look()
      if (isSame(this.#inForce, look) || isPinnedOver(this.#inForce, look)) {
        this.#problems = []
        return { kind: 'loaded', inForce: this.#inForce }
      }
      return await this.#take(look.compiled(), { by: WATCHER }, null)
    })
  }

  /**
   * Puts a ruleset that was in force before in force again, compiled and tested like any other, and pins it. Undefined when
   * none of that digest was kept.
   */
  rollback(digest: string, reason: string, order: RulesetOrder): Promise<ReloadOutcome | undefined> {
    return this.#inTurn(async () => {
      const files = await this.#deps.ledger.views.rulesetFiles(digest)
      if (files === undefined) return undefined
      const { digest: over } = await this.#look()
      return await this.#take(compileKept(files, this.#deps.environment), order, { over, reason })
    })
  }

  /** A ruleset that was in force, as today's loader and environment make it; undefined when that cannot be. */
  async kept(digest: string): Promise<Ruleset | undefined> {
    const { ledger, environment } = this.#deps
    const files = await ledger.views.rulesetFiles(digest)
    const compiled = files === undefined ? undefined : compileKept(files, environment)
    return compiled?.kind === 'compiled' ? compiled.candidate.ruleset : undefined
  }

  /** Looks whenever the folder changes, until disposed. */
  watch(): void {
    const { folder, clock, log } = this.#deps
    this.#watching = FolderWatch.start({
      folder,
      clock,
      log,
      changed: async () => {
        try {
          await this.look()
          return true
        } catch {
          log.error('rules-reload-failed')
          return false
        }
      },
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watching?.[Symbol.asyncDispose]()
    await this.#changing
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const outcome = this.#changing.then(change)
    this.#changing = outcome.catch(() => {})
    return outcome
  }

  #look(): Promise<FolderLook> {
    return lookAtFolder(this.#deps.folder, this.#deps.environment)
  }

  async #take(compiled: Compiled, order: RulesetOrder, pin: RulesetPin | null): Promise<ReloadOutcome> {
    const before = this.#inForce
    const judged = await judge(this.#deps, compiled, before, order.force ?? false)
    if (judged.kind === 'refused') return await this.#refuse(judged.problems, order.by, pin !== null)
    const isSame = judged.candidate.ruleset.digest === before.digest
    if (!isSame || pin !== null || before.pin !== null) {
      this.#inForce = await putInForce(this.#deps, judged.candidate, order.by, pin)
    }
    this.#problems = []
    if (!isSame) for (const listener of this.#listeners) listener(this.#inForce)
    return { kind: 'loaded', inForce: this.#inForce }
  }

  /** What a person asked for is on record each time; what the watcher finds, once. A refused rollback says nothing of the folder. */
  async #refuse(problems: readonly RuleProblem[], by: Actor, isRollback: boolean): Promise<ReloadOutcome> {
    const isNew = textOf(this.#problems) !== textOf(problems)
    if (!isRollback) this.#problems = problems
    if (isNew) logProblems(this.#deps.log, problems)
    if (isNew || by !== WATCHER) {
      const detail = `${problems.length} problems`
      await this.#deps.ledger.processEvent({ event: 'ruleset-refused', actor: by.name, outcome: 'failure', detail })
    }
    return { kind: 'refused', problems }
  }
}

const START: Actor = { name: 'start' }
const WATCHER: Actor = { name: 'watcher' }

/** The last ruleset that came into force, as today's loader reads it; undefined when there is none, or it no longer loads. */
async function lastInForce({ ledger, environment }: RulesInForceDeps): Promise<InForce | undefined> {
  const last = await ledger.lastRuleset()
  const kept = last === undefined ? undefined : compileKept(last.files, environment)
  if (last === undefined || kept?.kind !== 'compiled') return undefined
  const { ruleset, summary } = kept.candidate
  return { ...last, files: last.files.map(({ name }) => name), summary, ruleset }
}

const isPinnedOver = ({ pin }: InForce, look: FolderLook): boolean => pin !== null && pin.over === look.digest

const isSame = ({ pin, digest }: InForce, look: FolderLook): boolean => pin === null && digest === look.digest

/** A ruleset that compiles may still drop what is owed. */
async function judge(
  { ledger }: RulesInForceDeps,
  compiled: Compiled,
  before: InForce | undefined,
  force: boolean,
): Promise<Compiled> {
  if (compiled.kind === 'refused' || before === undefined || force) return compiled
  const problems = await stillOwed(ledger.views, before.ruleset, compiled.candidate.ruleset)
  return problems.length === 0 ? compiled : { kind: 'refused', problems }
}

async function putInForce(
  { ledger, clock, log }: RulesInForceDeps,
  { ruleset, files, summary }: Candidate,
  by: Actor,
  pin: RulesetPin | null,
): Promise<InForce> {
  const { digest } = ruleset
  const row = { digest, loadedAt: clock.now(), by: by.name, summary, pin }
  const texts = files.map(({ name, bytes }) => ({ name, text: Buffer.from(bytes).toString('utf8') }))
  await ledger.rulesetInForce({ ...row, files: texts })
  log.info('ruleset-loaded', { ruleset: digest.slice(0, 12), count: files.length })
  return { ...row, files: files.map(({ name }) => name), ruleset }
}

function logProblems(log: Log, problems: readonly RuleProblem[]): void {
  for (const { file, line, column, message } of problems) {
    log.error('ruleset-refused', { file, line, column, reason: message })
  }
}

const textOf = (problems: readonly RuleProblem[]): string => problems.map(formatProblem).join('\n')

const invalidRules = (problems: readonly RuleProblem[]): KurirError =>
  new KurirError('invalid-rules', 'permanent', textOf(problems))
