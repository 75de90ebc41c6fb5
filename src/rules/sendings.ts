import { amendedFacts, receivedDraft } from './amendment.ts'
import { fillArguments, namesInArguments } from './arguments.ts'
import { holds, type Values, valuesOfInstance } from './condition.ts'
import type { Arguments, RuleRef } from './decision.ts'
import type { Draft } from './draft.ts'
import type { Facts } from './facts.ts'
import type { Keys } from './keys.ts'
import type { Name } from './name.ts'
import { type Resolved, resolve } from './resolve.ts'
import type { Ruleset } from './ruleset.ts'
import { sameEdits } from './same-edits.ts'
import type { MemberForward, StudyForward, StudyVerdict } from './study-decision.ts'
import { apply } from './verb.ts'
import type { Rewriting, Sending } from './walk.ts'

/** A rewrite so far: the working copy, or why it cannot be. */
type Rewritten = { readonly draft: Draft } | { readonly hold: string }
type Result = Resolved | { readonly hold: string }

/** What one sending has come to. */
interface Tally {
  readonly sending: Sending
  readonly members: Map<string, MemberForward>
  /** The members each reason holds. */
  readonly held: Map<string, string[]>
  /** What its `with:` speaks of, over all that leaves. */
  readonly spoken: Map<string, Set<string>>
}

/** Looks at the working copy of each member on its way to each destination, for the tests in rule files. */
export type Onlooker = (destination: string, draft: Draft) => void

/** Makes of what the rules want sent, instance by instance, what is sent. */
export class Sendings {
  readonly #ruleset: Ruleset
  readonly #tallies: readonly Tally[]
  readonly #names: ReadonlyMap<Tally, readonly Name[]>
  readonly #onlooker: Onlooker | undefined

  constructor(ruleset: Ruleset, sendings: readonly Sending[], onlooker?: Onlooker) {
    this.#ruleset = ruleset
    this.#tallies = sendings.map((sending) => ({ sending, members: new Map(), held: new Map(), spoken: new Map() }))
    this.#names = new Map(this.#tallies.map((tally) => [tally, namesInArguments(tally.sending.entry.with)]))
    this.#onlooker = onlooker
  }

  /** @param facts looked at now and not kept */
  add(member: string, facts: Facts, values: Values = valuesOfInstance(amendedFacts(facts))): void {
    if (this.#tallies.length === 0) return
    const making = new Making(facts, this.#ruleset.keys)
    for (const tally of this.#tallies) {
      const { rule, entry, rewriting, answers } = tally.sending
      const chosen = entry.only === undefined || holds(entry.only, values.within(answers))
      if (entry.only !== undefined && values.unjudged !== undefined) {
        hold(tally, `only: ${values.unjudged}`, member)
        continue
      }
      if (!chosen) continue
      const result = making.resultOf(rewriting)
      if ('hold' in result) {
        hold(tally, `rewrite: ${result.hold}`, member)
        continue
      }
      const { draft, resolved } = result
      const { edits, changes } = resolved
      tally.members.set(member, {
        member,
        rules: [rule],
        edits,
        changes,
        sopInstanceUid: draft.sopInstanceUid,
        urgent: this.#isUrgent(entry.to, values),
      })
      this.#hear(tally, draft)
      this.#onlooker?.(entry.to, draft)
    }
  }

  /** RULES.md 3.8: the same bytes twice are one forward; different bytes are a conflict, and neither is sent. */
  finish(): { readonly forwards: readonly StudyForward[]; readonly holds: readonly StudyVerdict[] } {
    const towards = new Map<string, Towards>()
    const held: StudyVerdict[] = []
    for (const tally of this.#tallies) {
      const { rule, entry } = tally.sending
      for (const [reason, members] of tally.held) held.push({ rule, reason, members })
      if (tally.members.size === 0) continue
      const told = fillArguments(entry.with, { comparables: (name) => this.#spoken(tally, name) })
      if ('hold' in told) {
        held.push({ rule, reason: `with: ${told.hold}`, members: [...tally.members.keys()] })
        continue
      }
      const before = towards.get(entry.to)
      if (before === undefined) towards.set(entry.to, new Towards(rule, entry.to, told.arguments, tally.members))
      else held.push(...before.join(rule, told.arguments, tally.members))
    }
    return { forwards: [...towards.values()].flatMap((one) => one.forward() ?? []), holds: held }
  }

  #hear(tally: Tally, draft: Draft): void {
    for (const name of this.#names.get(tally) ?? []) {
      if (name.kind === 'answer' || name.kind === 'study') continue
      const heard = tally.spoken.get(name.text) ?? new Set()
      // In a copy: what cannot be read here keeps nothing else from leaving.
      for (const value of draft.fork().comparables(name)) heard.add(value)
      tally.spoken.set(name.text, heard)
    }
  }

  #spoken(tally: Tally, name: Name): readonly string[] {
    if (name.kind === 'answer' || name.kind === 'study') return tally.sending.around(name)
    return [...(tally.spoken.get(name.text) ?? [])]
  }

  #isUrgent(destination: string, values: Values): boolean {
    const urgent = this.#ruleset.destinations.get(destination)?.urgent
    return urgent !== undefined && holds(urgent, values)
  }
}

function hold({ held }: Tally, reason: string, member: string): void {
  const members = held.get(reason)
  if (members === undefined) held.set(reason, [member])
  else members.push(member)
}

/** What one instance becomes under each chain of rewrites; each made once. */
class Making {
  readonly #received: Rewritten
  readonly #rewritten = new Map<Rewriting, Rewritten>()
  readonly #results = new Map<
    Rewriting | null,
    { readonly draft: Draft; readonly resolved: Resolved } | { readonly hold: string }
  >()

  constructor(facts: Facts, keys: Keys) {
    this.#received = { draft: receivedDraft(facts, keys) }
  }

  resultOf(
    rewriting: Rewriting | null,
  ): { readonly draft: Draft; readonly resolved: Resolved } | { readonly hold: string } {
    const known = this.#results.get(rewriting)
    if (known !== undefined) return known
    const rewritten = this.#rewrite(rewriting)
    const resolved: Result = 'hold' in rewritten ? rewritten : resolve(rewritten.draft)
    const result =
      'hold' in rewritten ? rewritten : 'hold' in resolved ? resolved : { draft: rewritten.draft, resolved }
    this.#results.set(rewriting, result)
    return result
  }

  #rewrite(rewriting: Rewriting | null): Rewritten {
    if (rewriting === null) return this.#received
    const known = this.#rewritten.get(rewriting)
    if (known !== undefined) return known
    const rewritten = carryOut(rewriting, this.#rewrite(rewriting.before))
    this.#rewritten.set(rewriting, rewritten)
    return rewritten
  }
}

/** The rule's verbs after those it inherited, on a working copy of its own. */
function carryOut({ verbs, around }: Rewriting, inherited: Rewritten): Rewritten {
  if ('hold' in inherited) return inherited
  const draft = inherited.draft.fork(around)
  for (const verb of verbs) {
    const hold = apply(verb, draft)
    if (hold !== undefined) return { hold }
  }
  return { draft }
}

/** All that goes to one destination. */
class Towards {
  readonly #destination: string
  readonly #rules: RuleRef[]
  readonly #with: Arguments
  readonly #members: Map<string, MemberForward>
  /** Members whose contents two rules do not agree on. */
  readonly #torn = new Set<string>()
  #isTorn = false

  constructor(rule: RuleRef, destination: string, told: Arguments, members: ReadonlyMap<string, MemberForward>) {
    this.#rules = [rule]
    this.#destination = destination
    this.#with = told
    this.#members = new Map(members)
  }

  /** Takes in what another rule sends there; what contradicts is held. */
  join(rule: RuleRef, told: Arguments, members: ReadonlyMap<string, MemberForward>): readonly StudyVerdict[] {
    if (this.#isTorn) return []
    if (!sameArguments(this.#with, told)) {
      this.#isTorn = true
      return [this.#conflict(rule, [...new Set([...this.#members.keys(), ...members.keys()])])]
    }
    const torn: string[] = []
    for (const [id, sent] of members) {
      const before = this.#members.get(id)
      if (this.#torn.has(id)) continue
      if (before === undefined) this.#members.set(id, sent)
      else if (sameEdits(before.edits, sent.edits)) this.#members.set(id, { ...before, rules: [...before.rules, rule] })
      else {
        torn.push(id)
        this.#torn.add(id)
        this.#members.delete(id)
      }
    }
    const verdicts = torn.length === 0 ? [] : [this.#conflict(rule, torn)]
    if (torn.length < members.size) this.#rules.push(rule)
    return verdicts
  }

  forward(): StudyForward | undefined {
    if (this.#isTorn || this.#members.size === 0) return undefined
    return {
      destination: this.#destination,
      rules: this.#rules,
      with: this.#with,
      members: [...this.#members.values()],
    }
  }

  #conflict(rule: RuleRef, members: readonly string[]): StudyVerdict {
    const first = this.#rules.map(({ name }) => name).join(', ')
    return {
      rule,
      reason: `conflict: ${first} and ${rule.name} send different contents to ${this.#destination}`,
      members,
    }
  }
}

function sameArguments(one: Arguments, other: Arguments): boolean {
  const names = Object.keys(one)
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name])
}
