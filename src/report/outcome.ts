import type { ResolvedEdit } from '../dicom/resolved-edit.ts'
import type { PastObligation } from '../ledger/views.ts'
import type { Decision, RuleRef } from '../rules/decision.ts'
import type { StudyDecision, StudyVerdict } from '../rules/study-decision.ts'

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

/** What the rules say at the instance moment. */
export function decidedOutcome({ forwards, holds, discards, asks, waits }: Decision): Outcome {
  const sends = new Map(
    forwards.map(({ destination, rules, edits }) => [destination, { rules: rules.map(({ name }) => name), edits }]),
  )
  const asking = asks.map(({ rule, alias }) => ({ rule, reason: `asks ${alias}` }))
  const outcome = { sends, holds: holds.map(verdictOf), waits: [...asking, ...waits].map(verdictOf) }
  return withDiscards(outcome, discards.map(verdictOf))
}

/**
 * Adds to an instance's outcome what the rules say at its study's moment. What went to a destination before stays what it
 * was. Looks each instance up, so that a study of thousands takes no longer than its size.
 */
export function studyOutcomes(decision: StudyDecision): (id: string, outcome: Outcome) => Outcome {
  const forwards = decision.forwards.map(({ destination, members }) => ({
    destination,
    byMember: new Map(members.map((forward) => [forward.member, forward])),
  }))
  const [holds, discards] = [decision.holds.map(membersOf), decision.discards.map(membersOf)]
  const asking = decision.asks.map(({ rule, alias }) => verdictOf({ rule, reason: `asks ${alias}` }))
  const waiting = [...asking, ...decision.waits.map(verdictOf)]
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
      all.filter(({ members }) => members.has(id)).map(({ verdict }) => verdict)
    return {
      sends,
      holds: [...outcome.holds, ...mine(holds)],
      waits: [...outcome.waits, ...waiting],
      discards: [...outcome.discards, ...mine(discards)],
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
