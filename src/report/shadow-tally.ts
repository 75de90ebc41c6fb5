import type { InstanceId } from '../ledger/ids.ts'
import { sameEdits } from '../rules/same-edits.ts'
import type { Outcome, Verdict } from './outcome.ts'
import type { Change, Sample, ShadowReport } from './shadow-report.ts'

const EXAMPLES = 5
/** More reasons or rules than this are no longer told apart: a report stays a page, whatever the rules say. */
const MOST_NAMES = 1_000

class Counted {
  count = 0
  readonly examples: InstanceId[] = []

  add(id: InstanceId): void {
    this.count += 1
    if (this.examples.length < EXAMPLES) this.examples.push(id)
  }

  get sample(): Sample {
    return { count: this.count, examples: [...this.examples] }
  }
}

class Changed {
  before = 0
  after = 0
  readonly more = new Counted()
  readonly fewer = new Counted()
  readonly otherEdits = new Counted()

  add(id: InstanceId, before: boolean, after: boolean): void {
    if (before) this.before += 1
    if (after) this.after += 1
    if (after && !before) this.more.add(id)
    if (before && !after) this.fewer.add(id)
  }

  get change(): Change {
    return { before: this.before, after: this.after, more: this.more.sample, fewer: this.fewer.sample }
  }
}

type Counts = Pick<
  ShadowReport,
  'instances' | 'unchanged' | 'destinations' | 'rules' | 'held' | 'discarded' | 'waiting' | 'reasons'
>

/** Counts what differs between what was and what would be, instance by instance. Its size follows the rules, not the instances. */
export class ShadowTally {
  #instances = 0
  #unchanged = 0
  readonly #destinations = new Map<string, Changed>()
  readonly #rules = new Map<string, Changed>()
  readonly #reasons = new Map<string, Changed>()
  readonly #held = new Changed()
  readonly #discarded = new Changed()
  readonly #waiting = new Changed()

  add(id: InstanceId, before: Outcome, after: Outcome): void {
    this.#instances += 1
    const sends = this.#addSends(id, before, after)
    const [rules, rulesAfter] = [rulesOf(before), rulesOf(after)]
    for (const rule of new Set([...rules, ...rulesAfter])) {
      named(this.#rules, rule).add(id, rules.has(rule), rulesAfter.has(rule))
    }
    this.#held.add(id, before.holds.length > 0, after.holds.length > 0)
    this.#discarded.add(id, before.discards.length > 0, after.discards.length > 0)
    this.#waiting.add(id, before.waits.length > 0, after.waits.length > 0)
    const [reasons, reasonsAfter] = [reasonsOf(before), reasonsOf(after)]
    for (const reason of new Set([...reasons, ...reasonsAfter])) {
      named(this.#reasons, reason).add(id, reasons.has(reason), reasonsAfter.has(reason))
    }
    const same =
      sends &&
      sameVerdicts(before.holds, after.holds) &&
      sameVerdicts(before.discards, after.discards) &&
      // What is asked is compared by whether it waits: the record has other words for it.
      (before.waits.length === 0) === (after.waits.length === 0)
    if (same) this.#unchanged += 1
  }

  get counts(): Counts {
    return {
      instances: this.#instances,
      unchanged: this.#unchanged,
      destinations: listed(this.#destinations).map(([name, changed]) => ({
        name,
        ...changed.change,
        otherEdits: changed.otherEdits.sample,
      })),
      rules: listed(this.#rules).map(([name, changed]) => ({ name, ...changed.change })),
      held: this.#held.change,
      discarded: this.#discarded.change,
      waiting: this.#waiting.change,
      reasons: listed(this.#reasons).map(([reason, changed]) => ({ reason, ...changed.change })),
    }
  }

  /** Whether the same would go to the same destinations. */
  #addSends(id: InstanceId, before: Outcome, after: Outcome): boolean {
    let same = true
    for (const destination of new Set([...before.sends.keys(), ...after.sends.keys()])) {
      const [was, would] = [before.sends.get(destination), after.sends.get(destination)]
      const changed = named(this.#destinations, destination)
      changed.add(id, was !== undefined, would !== undefined)
      if (was === undefined || would === undefined) same = false
      else if (!sameEdits(was.edits, would.edits)) {
        changed.otherEdits.add(id)
        same = false
      }
    }
    return same
  }
}

function named(map: Map<string, Changed>, wanted: string): Changed {
  const name = map.has(wanted) || map.size < MOST_NAMES ? wanted : '(others)'
  const known = map.get(name)
  if (known !== undefined) return known
  const made = new Changed()
  map.set(name, made)
  return made
}

const listed = (map: ReadonlyMap<string, Changed>): readonly (readonly [string, Changed])[] =>
  [...map].sort(([a], [b]) => (a < b ? -1 : 1))

function rulesOf({ sends, holds, discards, waits }: Outcome): ReadonlySet<string> {
  const rules = new Set([...sends.values()].flatMap((sent) => sent.rules))
  for (const { rule } of [...holds, ...discards, ...waits]) if (rule !== null) rules.add(rule)
  return rules
}

const reasonsOf = ({ holds }: Outcome): ReadonlySet<string> => new Set(holds.map(({ reason }) => reason))

const sameVerdicts = (one: readonly Verdict[], other: readonly Verdict[]): boolean =>
  one.length === other.length && one.every(({ reason }, index) => reason === other[index]?.reason)
