import type { ResolvedEdit } from '../dicom/resolved-edit.ts'
import type { PastObligation } from '../ledger/views.ts'
import type { Decision, PlannedWait, RuleRef } from '../rules/decision.ts'
import type { StudyDecision, StudyMember, StudyVerdict } from '../rules/study-decision.ts'

/** What goes to one destination: which rules say so, and what is changed on the way. */
export interface Sent {
  readonly rules: readonly string[]
  readonly edits: readonly ResolvedEdit[]
}

/** A hold, a discard or a wait: by which rule, and why. */
export interface Verdict {
  /** Null where no rule says so: `otherwise`, a mistake of ours. */
  readonly rule: string | null
  readonly reason: string
}

/** What became, or would become, of one instance over both moments. */
export interface Outcome {
  readonly sends: ReadonlyMap<string, Sent>
  readonly holds: readonly Verdict[]
  /** In effect: empty where anything else wants the instance. */
  readonly discards: readonly Verdict[]
  /** Branches that wait for an answer. */
  readonly waits: readonly Verdict[]
}

export const NOTHING: Outcome = { sends: new Map(), holds: [], discards: [], waits: [] }

/** What is on record. Of several deliveries to one destination the last one counts. */
export function recordedOutcome(obligations: readonly PastObligation[]): Outcome {
  const sends = new Map<string, Sent>()
  const [holds, discards, waits]: [Verdict[], Verdict[], Verdict[]] = [[], [], []]
  for (const { kind, destination, rules, edits, reason } of obligations) {
    const verdict = { rule: rules[0]?.name ?? null, reason: reason ?? '' }
    switch (kind) {
      case 'DELIVER':
        if (destination !== null) sends.set(destination, { rules: rules.map(({ name }) => name), edits })
        break
      case 'HOLD':
        holds.push(verdict)
        break
      case 'DISCARD':
        discards.push(verdict)
        break
      case 'WAIT':
        waits.push(verdict)
        break
      case 'NOTIFY':
        break
      default:
        kind satisfies never
    }
  }
  return { sends, holds, discards, waits }
}

/** Whether a branch that was told that there is nothing is held by now. */
export type IsGivenUp = (wait: PlannedWait) => boolean

/** What the rules say at the instance moment. */
export function decidedOutcome({ forwards, holds, discards, asks, waits }: Decision, isGivenUp: IsGivenUp): Outcome {
  const sends = new Map(
    forwards.map(({ destination, rules, edits }) => [destination, { rules: rules.map(({ name }) => name), edits }]),
  )
  const rest = waiting(asks, waits, isGivenUp)
  const outcome = { sends, holds: [...holds.map(verdictOf), ...rest.holds], waits: rest.waits }
  return withDiscards(outcome, discards.map(verdictOf))
}

/** What of an answer's branches waits, and what waited for long enough. */
function waiting(
  asks: Decision['asks'],
  waits: Decision['waits'],
  isGivenUp: IsGivenUp,
): Pick<Outcome, 'holds' | 'waits'> {
  const asking = asks.map(({ rule, alias }) => verdictOf({ rule, reason: `asks ${alias}` }))
  const { held = [], open = [] } = Object.groupBy(waits, (wait) => (isGivenUp(wait) ? 'held' : 'open'))
  return { holds: held.map(verdictOf), waits: [...asking, ...open.map(verdictOf)] }
}

/**
 * Adds to an instance's outcome what the rules say at its study's moment. What went to a destination before stays what it
 * was. Looks each instance up, so that a study of thousands takes no longer than its size.
 */
export function studyOutcomes(
  decision: StudyDecision,
  members: readonly Pick<StudyMember, 'id' | 'isWanted'>[],
  isGivenUp: IsGivenUp,
): (id: string, outcome: Outcome) => Outcome {
  const forwards = decision.forwards.map(({ destination, members }) => ({
    destination,
    byMember: new Map(members.map((forward) => [forward.member, forward])),
  }))
  const [holds, discards] = [decision.holds.map(membersOf), decision.discards.map(membersOf)]
  const rest = waiting(decision.asks, decision.waits, isGivenUp)
  const [lead] = members
  const wanted = new Set(members.flatMap((member) => (member.isWanted ? [member.id] : [])))
  return (id, outcome) => {
    const sends = new Map(outcome.sends)
    for (const { destination, byMember } of forwards) {
      const mine = byMember.get(id)
      if (mine === undefined) continue
      const before = sends.get(destination)
      const rules = [...(before?.rules ?? []), ...mine.rules.map(({ name }) => name)]
      sends.set(destination, { rules, edits: before?.edits ?? mine.edits })
    }
    const mine = (all: readonly OfMembers[]): readonly Verdict[] =>
      all.filter(({ members: of }) => of.has(id)).map(({ verdict }) => verdict)
    const [held, discarded] = [mine(holds), mine(discards)]
    const isOwed = forwards.some(({ byMember }) => byMember.has(id)) || held.length + discarded.length > 0
    // As the planner has it: one stands for the study, and what nothing else accounts for waits under its own name.
    const waits = id === lead?.id || !(wanted.has(id) || isOwed) ? rest : NOTHING
    return {
      sends,
      holds: [...outcome.holds, ...held, ...waits.holds],
      waits: [...outcome.waits, ...waits.waits],
      discards: [...outcome.discards, ...discarded],
    }
  }
}

interface OfMembers {
  readonly verdict: Verdict
  readonly members: ReadonlySet<string>
}

const membersOf = (verdict: StudyVerdict): OfMembers => ({
  verdict: verdictOf(verdict),
  members: new Set(verdict.members),
})

/** RULES.md 3.9: a discard takes effect when nothing else wants the instance. */
function withDiscards(outcome: Omit<Outcome, 'discards'>, discards: readonly Verdict[]): Outcome {
  const isWanted = outcome.sends.size + outcome.holds.length + outcome.waits.length > 0
  return { ...outcome, discards: isWanted ? [] : discards }
}

const verdictOf = ({ rule, reason }: { readonly rule: RuleRef | null; readonly reason: string }): Verdict => ({
  rule: rule?.name ?? null,
  reason,
})
