import type { Instant } from '../base/clock.ts'
import { KurirError } from '../base/failure.ts'
import type { LedgerViews, PastDecision } from '../ledger/views.ts'
import { decide } from '../rules/decide.ts'
import type { Facts } from '../rules/facts.ts'
import type { Ruleset } from '../rules/ruleset.ts'
import { decidedOutcome, NOTHING, type Outcome, recordedOutcome } from './outcome.ts'
import type { ShadowReport } from './shadow-report.ts'
import { ShadowTally } from './shadow-tally.ts'

export interface ShadowRun {
  readonly views: Pick<LedgerViews, 'pastDecisions'>
  readonly candidate: Ruleset
  /** What it is held against; undefined: what was decided then. */
  readonly against: Ruleset | undefined
  /** Studies that something came for from then on … */
  readonly since: Instant
  /** … and before this; now, or what comes while it runs would be seen twice. */
  readonly before: Instant
  /** What the rules see of an instance. @throws KurirError `unreadable` */
  readonly factsOf: (past: PastDecision, ruleset: Ruleset) => Facts
  /** Told after each page how many instances were looked at. */
  readonly progress?: (instances: number) => void
}

const PAGE = 256

/**
 * Puts what came in the past before a candidate ruleset and counts what would have become of it instead. Nothing is sent,
 * asked or written; the headers on record are all it reads. Memory does not grow with the number of instances.
 */
export async function shadow(run: ShadowRun): Promise<ShadowReport> {
  const replay = new Replay(run)
  const span = { since: run.since, before: run.before }
  let page = await run.views.pastDecisions(span, PAGE)
  for (;;) {
    // The ledger's thread reads the next page while this one is decided.
    const next = page.next === null ? undefined : run.views.pastDecisions(span, PAGE, page.next)
    next?.catch(() => {})
    for (const past of page.rows) replay.look(past)
    run.progress?.(replay.looked)
    if (next === undefined) return replay.report()
    page = await next
  }
}

class Replay {
  looked = 0
  readonly #run: ShadowRun
  readonly #tally = new ShadowTally()
  readonly #leftOut = { duplicate: 0, undecided: 0, requested: 0, unreadable: 0 }
  #studies = 0
  #study: string | null = null

  constructor(run: ShadowRun) {
    this.#run = run
  }

  look(past: PastDecision): void {
    this.looked += 1
    const { studyInstanceUid } = past.identity
    if (studyInstanceUid !== null && studyInstanceUid !== this.#study) this.#studies += 1
    this.#study = studyInstanceUid
    const why = this.#whyNot(past)
    if (why !== undefined) {
      this.#leftOut[why] += 1
      return
    }
    const { against, candidate } = this.#run
    const after = this.#decided(past, candidate)
    const before = against === undefined ? recordedOutcome(past.obligations) : this.#decided(past, against)
    if (after === undefined || before === undefined) this.#leftOut.unreadable += 1
    else this.#tally.add(past.id, before, after)
  }

  report(): ShadowReport {
    const { candidate, against, since, before } = this.#run
    return {
      candidate: candidate.digest,
      against: against?.digest ?? null,
      since,
      before,
      studies: this.#studies,
      leftOut: this.#leftOut,
      ...this.#tally.counts,
    }
  }

  #whyNot({ obligations, isDecided }: PastDecision): 'duplicate' | 'undecided' | 'requested' | undefined {
    if (!isDecided && this.#run.against === undefined) return 'undecided'
    for (const { kind, rules, reason } of obligations) {
      if (kind === 'DISCARD' && rules.length === 0 && reason === 'duplicate') return 'duplicate'
      if (rules.some(({ name }) => name.startsWith('request:'))) return 'requested'
    }
    return undefined
  }

  #decided(past: PastDecision, ruleset: Ruleset): Outcome | undefined {
    try {
      return decidedOutcome(decide(ruleset, this.#run.factsOf(past, ruleset)))
    } catch (error) {
      if (error instanceof KurirError && error.code === 'unreadable') return undefined
      // As the planner does: a mistake of ours holds the instance.
      return { ...NOTHING, holds: [{ rule: null, reason: 'internal' }] }
    }
  }
}
