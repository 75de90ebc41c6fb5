import type { Instant } from '../base/clock.ts'
import { KurirError } from '../base/failure.ts'
import type { LedgerViews, PastDecision } from '../ledger/views.ts'
import { isGivenUp } from '../rules/asking-on.ts'
import { decide } from '../rules/decide.ts'
import { decideStudy } from '../rules/decide-study.ts'
import type { Facts } from '../rules/facts.ts'
import type { Ruleset } from '../rules/ruleset.ts'
import type { StudyMember } from '../rules/study-decision.ts'
import { decidedOutcome, NOTHING, type Outcome, recordedOutcome, studyOutcomes, type Verdict } from './outcome.ts'
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
 * asked or written; the headers on record are all it reads. Memory does not grow with the number of instances, but where
 * rules look at studies it holds the packed headers of one study.
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

/** An instance on its way through: what was, and would be, said of it when it arrived. */
interface Looked {
  readonly past: PastDecision
  readonly before: Outcome
  readonly after: Outcome
}

class Replay {
  looked = 0
  readonly #run: ShadowRun
  readonly #tally = new ShadowTally()
  readonly #leftOut = { duplicate: 0, undecided: 0, requested: 0, unreadable: 0 }
  #studies = 0
  #study: string | null = null
  /** Instances of the study that is being read, where rules look at studies. */
  #members: Looked[] = []

  constructor(run: ShadowRun) {
    this.#run = run
  }

  look(past: PastDecision): void {
    this.looked += 1
    const { studyInstanceUid } = past.identity
    if (studyInstanceUid === null || studyInstanceUid !== this.#study) this.#finishStudy()
    if (studyInstanceUid !== null && studyInstanceUid !== this.#study) this.#studies += 1
    this.#study = studyInstanceUid
    const why = this.#whyNot(past)
    if (why !== undefined) {
      this.#leftOut[why] += 1
      return
    }
    const { against, candidate } = this.#run
    const after = this.#arrived(past, candidate)
    const before = against === undefined ? recordedOutcome(past.obligations) : this.#arrived(past, against)
    if (after === undefined || before === undefined) this.#leftOut.unreadable += 1
    else if (this.#hasStudyRules() && namesStudy(past)) this.#members.push({ past, before, after })
    else this.#tally.add(past.id, before, after)
  }

  report(): ShadowReport {
    this.#finishStudy()
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

  #hasStudyRules(): boolean {
    const { candidate, against } = this.#run
    return candidate.study.hasRules || against?.study.hasRules === true
  }

  /** The moment of the study that has been read: as if all of it had come before it, in one round. */
  #finishStudy(): void {
    if (this.#members.length === 0) return
    const { against, candidate } = this.#run
    const afters = this.#settled(candidate, ({ after }) => after)
    const befores = against === undefined ? undefined : this.#settled(against, ({ before }) => before)
    for (const [index, { past, before, after }] of this.#members.entries()) {
      this.#tally.add(past.id, befores?.[index] ?? before, afters[index] ?? after)
    }
    this.#members = []
  }

  #settled(ruleset: Ruleset, outcomeOf: (looked: Looked) => Outcome): readonly Outcome[] {
    const outcomes = this.#members.map(outcomeOf)
    if (!ruleset.study.hasRules) return outcomes
    const { factsOf } = this.#run
    const members = this.#members.flatMap(({ past }, index): readonly StudyMember[] => {
      const { sends, holds, discards, waits } = outcomes[index] ?? NOTHING
      if (discards.length > 0) return []
      const isWanted = sends.size + holds.length + waits.length > 0
      const facts = () => factsOf(past, ruleset)
      // The header is unpacked when it is looked at, so that a study of thousands is not all unpacked at once.
      return [
        {
          id: past.id,
          isNew: true,
          isHeld: holds.length > 0,
          isWanted,
          get facts() {
            return facts()
          },
        },
      ]
    })
    if (members.length === 0) return outcomes
    const [first] = this.#members
    const answers = first?.past.answers ?? new Map()
    try {
      const isMember = new Set(members.map(({ id }) => id))
      const decision = decideStudy(ruleset, { members, settledBy: 'quiet', answers })
      const withStudy = studyOutcomes(decision, members, (wait) => isGivenUp(wait, answers, this.#run.before))
      return this.#members.map(({ past: { id } }, index) => {
        const outcome = outcomes[index] ?? NOTHING
        return isMember.has(id) ? withStudy(id, outcome) : outcome
      })
    } catch {
      return outcomes.map((outcome) => ({ ...outcome, holds: [...outcome.holds, INTERNAL] }))
    }
  }

  #whyNot({ obligations, isDecided }: PastDecision): 'duplicate' | 'undecided' | 'requested' | undefined {
    const isOpen = !isDecided || obligations.some(({ awaitsStudy }) => awaitsStudy)
    if (isOpen && this.#run.against === undefined) return 'undecided'
    for (const { kind, rules, reason } of obligations) {
      if (kind === 'DISCARD' && rules.length === 0 && reason === 'duplicate') return 'duplicate'
      if (rules.some(({ name }) => name.startsWith('request:'))) return 'requested'
    }
    return undefined
  }

  /** The instance moment; undefined where the header cannot be read. */
  #arrived(past: PastDecision, ruleset: Ruleset): Outcome | undefined {
    try {
      const decision = decide(ruleset, this.#run.factsOf(past, ruleset))
      return decidedOutcome(decision, (wait) => isGivenUp(wait, past.answers, this.#run.before))
    } catch (error) {
      if (error instanceof KurirError && error.code === 'unreadable') return undefined
      return { ...NOTHING, holds: [INTERNAL] }
    }
  }
}

const namesStudy = ({ identity }: PastDecision): boolean => (identity.studyInstanceUid ?? '') !== ''

/** As the planner does: a mistake of ours holds the instance. */
const INTERNAL: Verdict = { rule: null, reason: 'internal' }
