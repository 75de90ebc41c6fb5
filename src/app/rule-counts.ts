import type { Clock } from '../base/clock.ts'
import type { Ledger, NewObligation, PlanEntry } from '../ledger/ledger.ts'
import type { Queue } from '../queue/queue.ts'

const MINUTE_MS = 60_000
const MINUTES = 60

export interface CountedShelves {
  readonly queue: Pick<Queue, 'enqueue'>
  readonly ledger: Ledger
}

/**
 * For how many instances each rule asked for something in the last hour. In memory, by the minute: a restart begins at
 * nothing, and memory follows the number of rules.
 */
export class RuleCounts {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #minutes = new Map<number, Map<string, number>>()

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** The same shelves, with every decision that is put on them counted: those of the instance moment, and those of studies. */
  over({ queue, ledger }: CountedShelves): CountedShelves {
    return {
      queue: {
        enqueue: (entries) => {
          this.decided(entries)
          return queue.enqueue(entries)
        },
      },
      ledger: {
        ...ledger,
        planRound: (part) => {
          this.decided(part.members)
          for (const { rule } of part.last?.notices ?? []) this.#count(new Set([rule.name]))
          return ledger.planRound(part)
        },
      },
    }
  }

  /** Decisions, as they are put on record. */
  decided(entries: readonly Pick<PlanEntry, 'obligations'>[]): void {
    for (const { obligations } of entries) this.#count(new Set(obligations.flatMap(rulesOf)))
  }

  /** @param rule its name */
  lastHour(rule: string): number {
    const first = this.#thisMinute() - MINUTES
    let count = 0
    for (const [minute, counts] of this.#minutes) if (minute > first) count += counts.get(rule) ?? 0
    return count
  }

  #count(rules: ReadonlySet<string>): void {
    const minute = this.#thisMinute()
    const counts = this.#minutes.get(minute) ?? new Map<string, number>()
    for (const rule of rules) counts.set(rule, (counts.get(rule) ?? 0) + 1)
    this.#minutes.set(minute, counts)
    for (const past of this.#minutes.keys()) if (past <= minute - MINUTES) this.#minutes.delete(past)
  }

  #thisMinute(): number {
    return Math.floor(this.#clock.monotonic() / MINUTE_MS)
  }
}

function rulesOf(obligation: NewObligation): readonly string[] {
  if (obligation.kind === 'DELIVER') return obligation.rules.map(({ name }) => name)
  return obligation.rule === null ? [] : [obligation.rule.name]
}
