import { fillArguments } from './arguments.ts'
import { askKeyOf } from './ask-key.ts'
import { answerValues, type Bound, because, holds, NO_ANSWERS, type Values } from './condition.ts'
import type { Ask, PlannedWait, RuleRef } from './decision.ts'
import type { Around } from './draft.ts'
import type { Answer } from './facts.ts'
import type { ForwardEntry } from './forward-entry.ts'
import type { Lookup } from './lookup.ts'
import type { Name } from './name.ts'
import type { Notify } from './notify.ts'
import type { Rule } from './rule.ts'
import type { Ruleset } from './ruleset.ts'
import type { PlannedNotify } from './study-decision.ts'
import type { TemplateSource } from './template.ts'
import type { Verb } from './verb.ts'

/** One rule that was asked, for `explain`. Holds no value of the instance. */
export interface Step {
  readonly rule: RuleRef
  /** 0 at the top. */
  readonly depth: number
  readonly matched: boolean
  /** In the words of the rules: `Modality is CT`. Empty for a rule without a match. */
  readonly because: readonly string[]
  readonly forward: readonly string[]
  /** The calls it asks and tells: `his.order`. */
  readonly asks: readonly string[]
  readonly notifies: readonly string[]
  /** Whether the list ended here. */
  readonly stopped: boolean
}

/** The rewrites of a rule and of those around it, the outermost first; the working copy of each is made once an instance. */
export interface Rewriting {
  readonly before: Rewriting | null
  readonly verbs: readonly Verb[]
  readonly around: Around
}

/** A forward of a rule that matched, before it is known what each instance becomes on its way. */
export interface Sending {
  readonly rule: RuleRef
  readonly entry: ForwardEntry
  readonly rewriting: Rewriting | null
  readonly answers: Bound
  readonly around: Around
}

/** A reason of a rule; `wants`: whether that rule wants the instances, which one that only notifies does not. */
export interface Reasoned {
  readonly rule: RuleRef
  readonly reason: string
}

/** What the rules that matched say, all at once. */
export interface Course {
  readonly sendings: readonly Sending[]
  readonly holds: readonly Reasoned[]
  readonly discards: readonly Reasoned[]
  readonly asks: readonly Ask[]
  readonly asked: readonly Ask[]
  readonly waits: readonly PlannedWait[]
  readonly notifies: readonly PlannedNotify[]
  /** Whether a branch that waits for an answer's order to exist wants the instances. */
  readonly waitsForWanted: boolean
  readonly steps: readonly Step[]
}

/** What a walk looks at: one instance or a whole study. */
export interface Scene {
  readonly on: Rule['on']
  readonly values: Values
  /** What templates of lookups and notifications speak of, as received. */
  readonly spoken: (name: Name) => readonly string[]
  readonly answerOf: (ask: Ask) => Answer | undefined
  readonly tracing: boolean
}

/** Walks the list once, top to bottom, into children (RULES.md 3.2 and 3.3). */
export function walk(ruleset: Ruleset, scene: Scene): Course {
  const walking = new Walking(ruleset, scene)
  walking.list(ruleset.rules, { answers: NO_ANSWERS, around: walking.aroundOf(NO_ANSWERS), rewriting: null }, 0)
  const { unjudged, steps } = walking
  return unjudged === undefined ? walking : { ...NO_COURSE, holds: [unjudged], steps }
}

/** What a rule has from those around it. */
interface Branch {
  readonly answers: Bound
  readonly around: Around
  readonly rewriting: Rewriting | null
}

/** When no rule says anything. */
export const NO_COURSE: Course = {
  sendings: [],
  holds: [],
  discards: [],
  asks: [],
  asked: [],
  waits: [],
  notifies: [],
  waitsForWanted: false,
  steps: [],
}

class Walking implements Course {
  readonly sendings: Sending[] = []
  readonly holds: Reasoned[] = []
  readonly discards: Reasoned[] = []
  readonly asks: Ask[] = []
  readonly asked: Ask[] = []
  readonly waits: PlannedWait[] = []
  readonly notifies: PlannedNotify[] = []
  readonly steps: Step[] = []
  waitsForWanted = false
  /** The rule that could not be judged: what all others say is then worth nothing, as it might have stopped them. */
  unjudged: Reasoned | undefined
  readonly #ruleset: Ruleset
  readonly #scene: Scene

  constructor(ruleset: Ruleset, scene: Scene) {
    this.#ruleset = ruleset
    this.#scene = scene
  }

  aroundOf(answers: Bound): Around {
    return (name) => (name.kind === 'answer' ? answerValues(name, answers) : this.#scene.spoken(name))
  }

  /** Every rule that matches applies, and `stop` ends the list it stands in. */
  list(rules: readonly Rule[], branch: Branch, depth: number): undefined {
    const values = this.#scene.values.within(branch.answers)
    for (const rule of rules) {
      if (rule.on !== this.#scene.on) continue
      const matched = rule.match === undefined || holds(rule.match, values)
      if (values.unjudged !== undefined) return this.#giveUp(rule, values.unjudged)
      if (this.#scene.tracing) this.#trace(rule, matched, values, depth)
      if (!matched) continue
      this.#apply(rule, branch, depth)
      if (rule.stop || this.unjudged !== undefined) return undefined
    }
    return undefined
  }

  #giveUp({ ref }: Rule, why: string): undefined {
    const rule = { ...ref, rulesetDigest: this.#ruleset.digest }
    this.unjudged ??= { rule, reason: `match: ${why}` }
  }

  #apply(rule: Rule, outer: Branch, depth: number): void {
    const ref: RuleRef = { ...rule.ref, rulesetDigest: this.#ruleset.digest }
    const asked = rule.lookups.length === 0 ? outer : this.#ask(rule, ref, outer)
    if (asked === undefined) return
    const branch: Branch =
      rule.rewrite.length === 0
        ? asked
        : { ...asked, rewriting: { before: asked.rewriting, verbs: rule.rewrite, around: asked.around } }
    for (const entry of rule.forward) this.sendings.push({ rule: ref, entry, ...branch })
    for (const notify of rule.notify) this.#notify(notify, ref, branch)
    if (rule.hold !== undefined) this.holds.push({ rule: ref, reason: rule.hold })
    if (rule.discard !== undefined) this.discards.push({ rule: ref, reason: rule.discard })
    if (rule.rules.length > 0) this.list(rule.rules, branch, depth + 1)
  }

  /** RULES.md 3.7: the branch with the answers it asked for; undefined while it waits for one. */
  #ask(rule: Rule, ref: RuleRef, outer: Branch): Branch | undefined {
    const answers = new Map(outer.answers)
    let open = false
    for (const lookup of rule.lookups) {
      const answer = this.#answerOf(lookup, ref, outer, rule.wants)
      if (answer === undefined) open = true
      else answers.set(lookup.alias, answer)
    }
    return open ? undefined : { ...outer, answers, around: this.aroundOf(answers) }
  }

  #answerOf(lookup: Lookup, rule: RuleRef, outer: Branch, wanted: boolean): Answer | undefined {
    const { alias, service, call, onMissing, tryFor } = lookup
    const filled = fillArguments(lookup.with, this.#source(outer))
    if ('hold' in filled) return this.#holdFor(rule, `${alias}: ${filled.hold}`)
    // Nobody knows an order of no number, and nobody need be asked.
    if (filled.empty.length > 0)
      return onMissing === 'continue'
        ? NOT_FOUND
        : this.#holdFor(rule, `${alias}: ${filled.empty.join(', ')} has no value`)
    const key = askKeyOf(service, call, filled.arguments)
    const ask: Ask = { key, alias, service, call, arguments: filled.arguments, onMissing, tryFor, rule }
    this.asked.push(ask)
    const answer = this.#scene.answerOf(ask)
    if (answer === undefined) this.asks.push(ask)
    else if (answer.found || onMissing === 'continue') return answer
    else {
      this.waits.push({ rule, reason: `${alias}: not found`, ask })
      this.waitsForWanted ||= wanted
    }
    return undefined
  }

  #holdFor(rule: RuleRef, reason: string): undefined {
    this.holds.push({ rule, reason })
  }

  #notify(notify: Notify, rule: RuleRef, branch: Branch): undefined {
    const { service, call, after } = notify
    const filled = fillArguments(notify.with, this.#source(branch))
    if ('hold' in filled) return this.#holdFor(rule, `${service}.${call}: ${filled.hold}`)
    const key = askKeyOf(service, call, filled.arguments)
    // Two rules that would say the same say it once.
    if (this.notifies.some((other) => other.key === key)) return undefined
    this.notifies.push({ key, service, call, arguments: filled.arguments, after, rule })
    return undefined
  }

  #source({ around }: Branch): TemplateSource {
    return { comparables: (name) => (name.kind === 'answer' ? around(name) : this.#scene.spoken(name)) }
  }

  #trace(rule: Rule, matched: boolean, values: Values, depth: number): void {
    const calls = (of: readonly { readonly service: string; readonly call: string }[]): readonly string[] =>
      matched ? of.map(({ service, call }) => `${service}.${call}`) : []
    this.steps.push({
      rule: { ...rule.ref, rulesetDigest: this.#ruleset.digest },
      depth,
      matched,
      because: rule.match === undefined ? [] : because(rule.match, values),
      forward: matched ? rule.forward.map(({ to }) => to) : [],
      asks: calls(rule.lookups),
      notifies: calls(rule.notify),
      stopped: matched && rule.stop,
    })
  }
}

const NOT_FOUND: Answer = { found: false, fields: {} }
