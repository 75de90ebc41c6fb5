import type { ResolvedEdit } from '../dicom/resolved-edit.ts'
import type { PastObligation } from '../ledger/views.ts'
import type { Decision, RuleRef } from '../rules/decision.ts'

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

/** RULES.md 3.9: a discard takes effect when nothing else wants the instance. */
export function withDiscards(outcome: Omit<Outcome, 'discards'>, discards: readonly Verdict[]): Outcome {
  const isWanted = outcome.sends.size + outcome.holds.length + outcome.waits.length > 0
  return { ...outcome, discards: isWanted ? [] : discards }
}

export const verdictOf = ({ rule, reason }: { readonly rule: RuleRef | null; readonly reason: string }): Verdict => ({
  rule: rule?.name ?? null,
  reason,
})
