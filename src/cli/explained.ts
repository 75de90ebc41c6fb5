import type { explain } from '../rules/decide.ts'
import type { explainStudy } from '../rules/decide-study.ts'
import type { Ask, PlannedWait } from '../rules/decision.ts'
import type { Step } from '../rules/walk.ts'
import type { Explained, ExplainedReason, ExplainedStep } from './explain-lines.ts'

/**
 * What the rules would do with one instance when it has arrived.
 *
 * @param isGivenUp whether what was asked for in vain is held by now
 */
export function explainedInstance(
  { decision, steps }: ReturnType<typeof explain>,
  isGivenUp: (wait: PlannedWait) => boolean = () => false,
): Explained {
  const { forwards, asks, waits, holds, discards, awaitsStudy } = decision
  const { held = [], open = [] } = Object.groupBy(waits, (wait) => (isGivenUp(wait) ? 'held' : 'open'))
  // A discard takes effect when nothing else wants the instance (RULES.md 3.9).
  const isWanted = forwards.length + asks.length + waits.length + holds.length > 0
  return {
    steps: steps.map(stepOf),
    forwards: forwards.map(({ destination, changes }) => ({ destination, changes, note: '' })),
    asks: asks.map(askOf),
    waits: open,
    holds: [...holds, ...held],
    discards: isWanted ? [] : discards,
    awaitsStudy,
  }
}

/** What the rules would do with a study of so many instances at its moment. */
export function explainedStudy({ decision, steps }: ReturnType<typeof explainStudy>, size: number): Explained {
  const some = (members: number): string => (members === size ? '' : `${members} of ${size} instances`)
  const reasonOf = ({ reason, rule, members }: (typeof decision.holds)[number]): ExplainedReason => ({
    reason: members.length === size ? reason : `${reason}; ${some(members.length)}`,
    rule,
  })
  return {
    steps: steps.map(stepOf),
    forwards: decision.forwards.map(({ destination, members }) => ({
      destination,
      changes: members.flatMap((member) => member.changes),
      note: some(members.length),
    })),
    asks: decision.asks.map(askOf),
    waits: decision.waits,
    holds: decision.holds.map(reasonOf),
    discards: decision.discards.map(reasonOf),
    awaitsStudy: false,
  }
}

const stepOf = ({ rule, ...step }: Step): ExplainedStep => ({ ...step, name: rule.name })

const askOf = ({ service, call, rule }: Ask): ExplainedReason => ({ reason: `${service}.${call}`, rule })
