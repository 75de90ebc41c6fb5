import type { Ledger, Unplanned } from '../ledger/ledger.ts'
import type { KeptAnswer } from '../ledger/questions.ts'
import { decide } from '../rules/decide.ts'
import type { Decision } from '../rules/decision.ts'
import type { Facts } from '../rules/facts.ts'
import type { Ruleset } from '../rules/ruleset.ts'
import { factsOf } from './facts.ts'
import { instructed } from './instruction.ts'
import { defaultCharset } from './obligations.ts'

/** An instance with the answers that its decision rests on. */
export interface Decided {
  readonly instance: Unplanned
  readonly kept: ReadonlyMap<string, KeptAnswer>
  /** @throws whatever a mistake in a rule or a header throws */
  decide(): Decision
}

/** A rule asks, and a rule inside it asks with the answer: more often than this nobody nests them. */
const DEEPEST = 8

/**
 * Decides a batch with the answers that are there. Rules that ask nothing cost no look at the ledger; what they ask is
 * looked up for the whole batch at once, as deep as questions lie inside each other.
 */
export async function decideAll(
  batch: readonly Unplanned[],
  ruleset: Ruleset,
  ledger: Pick<Ledger, 'answers'>,
): Promise<readonly Decided[]> {
  const deciding = batch.map((instance) => new Deciding(instance, ruleset))
  for (let depth = 0; depth < DEEPEST; depth += 1) {
    const asking = deciding.flatMap((each) => each.wants().map((key) => ({ each, key })))
    if (asking.length === 0) break
    const answers = await ledger.answers(asking.map(({ each, key }) => ({ instance: each.instance.id, key })))
    asking.forEach(({ each, key }, index) => {
      each.learn(key, answers[index])
    })
  }
  return deciding
}

class Deciding implements Decided {
  readonly instance: Unplanned
  readonly kept = new Map<string, KeptAnswer>()
  readonly #ruleset: Ruleset
  readonly #looked = new Set<string>()
  #facts: Facts | undefined
  #made: { readonly decision: Decision } | { readonly error: unknown } | undefined

  constructor(instance: Unplanned, ruleset: Ruleset) {
    this.instance = instance
    this.#ruleset = ruleset
  }

  decide(): Decision {
    this.#made ??= this.#make()
    if ('error' in this.#made) throw this.#made.error
    return this.#made.decision
  }

  /** The keys of questions that nobody has looked up yet; none when deciding throws, or a request says where it goes. */
  wants(): readonly string[] {
    this.#made ??= this.#make()
    if ('error' in this.#made || this.#made.decision.asks.length === 0) return []
    if (instructed(this.instance, this.#ruleset, () => this.#theFacts()) !== undefined) return []
    const keys = new Set(this.#made.decision.asks.map(({ key }) => key))
    return [...keys].filter((key) => !this.#looked.has(key))
  }

  learn(key: string, answer: KeptAnswer | undefined): void {
    this.#looked.add(key)
    if (answer === undefined) return
    this.kept.set(key, answer)
    this.#made = undefined
  }

  #theFacts(): Facts {
    this.#facts ??= factsOf(this.instance, defaultCharset(this.#ruleset, this.instance))
    return this.#facts
  }

  #make(): { readonly decision: Decision } | { readonly error: unknown } {
    try {
      const facts = this.kept.size === 0 ? this.#theFacts() : { ...this.#theFacts(), answers: this.kept }
      return { decision: decide(this.#ruleset, facts) }
    } catch (error) {
      return { error }
    }
  }
}
