import { amendedView, readAmendments } from './amendment.ts'
import { because, holds, Values } from './condition.ts'
import type { Decision, PlannedDiscard, PlannedForward, PlannedHold, RuleRef } from './decision.ts'
import { Draft } from './draft.ts'
import type { Facts } from './facts.ts'
import { type Resolved, resolve } from './resolve.ts'
import type { Rule } from './rule.ts'
import type { Ruleset } from './ruleset.ts'
import { sameEdits } from './same-edits.ts'
import { apply } from './verb.ts'

/** One rule that was asked, for `explain`. Holds no value of the instance. */
export interface Step {
  readonly rule: RuleRef
  /** 0 at the top. */
  readonly depth: number
  readonly matched: boolean
  /** In the words of the rules: `Modality is CT`. Empty for a rule without a match. */
  readonly because: readonly string[]
  readonly forward: readonly string[]
  /** Whether the list ended here. */
  readonly stopped: boolean
}

/** What the rules say about one instance when it has arrived. Pure: same ruleset, same facts, same Decision. */
export function decide(ruleset: Ruleset, facts: Facts): Decision {
  return new Walk(ruleset, facts, false).decision()
}

/** The same, with every rule that was asked, in the order in which it was. */
export function explain(
  ruleset: Ruleset,
  facts: Facts,
): { readonly decision: Decision; readonly steps: readonly Step[] } {
  const walk = new Walk(ruleset, facts, true)
  return { decision: walk.decision(), steps: walk.steps }
}

/** The same, with the working copy that each destination's bytes come from, for the tests in rule files. */
export function rehearse(
  ruleset: Ruleset,
  facts: Facts,
): { readonly decision: Decision; readonly steps: readonly Step[]; readonly drafts: ReadonlyMap<string, Draft> } {
  const walk = new Walk(ruleset, facts, true)
  return { decision: walk.decision(), steps: walk.steps, drafts: walk.drafts }
}

/** A rewrite so far: the working copy, or why it cannot be. */
type Rewritten = { readonly draft: Draft } | { readonly hold: string }

class Walk {
  readonly steps: Step[] = []
  readonly drafts = new Map<string, Draft>()
  readonly #ruleset: Ruleset
  readonly #facts: Facts
  readonly #values: Values
  readonly #tracing: boolean
  readonly #forwards = new Map<string, PlannedForward>()
  readonly #conflicts = new Set<string>()
  readonly #holds: PlannedHold[] = []
  readonly #discards: PlannedDiscard[] = []

  constructor(ruleset: Ruleset, facts: Facts, tracing: boolean) {
    this.#ruleset = ruleset
    this.#facts = facts
    const { amendments = [] } = facts
    this.#values = new Values(
      amendments.length === 0 ? facts : { ...facts, header: amendedView(facts.header, amendments) },
    )
    this.#tracing = tracing
  }

  decision(): Decision {
    this.#list(this.#ruleset.rules, { draft: receivedDraft(this.#facts) }, 0)
    if (this.#forwards.size + this.#holds.length + this.#discards.length === 0) {
      const { kind, reason } = this.#ruleset.otherwise
      ;(kind === 'hold' ? this.#holds : this.#discards).push({ rule: null, reason })
    }
    return {
      rulesetDigest: this.#ruleset.digest,
      forwards: [...this.#forwards.values()],
      holds: this.#holds,
      discards: this.#discards,
      asks: [],
      waits: [],
      asked: [],
      awaitsStudy: false,
    }
  }

  /** RULES.md 3.3: every rule that matches applies, and `stop` ends the list it stands in. */
  #list(rules: readonly Rule[], inherited: Rewritten, depth: number): void {
    for (const rule of rules) {
      const matched = rule.match === undefined || holds(rule.match, this.#values)
      if (this.#tracing) this.#trace(rule, matched, depth)
      if (!matched) continue
      this.#applyRule(rule, inherited, depth)
      if (rule.stop) return
    }
  }

  #applyRule(rule: Rule, inherited: Rewritten, depth: number): void {
    const ref = this.#refOf(rule)
    const rewritten = rule.rewrite.length === 0 ? inherited : rewrite(rule, inherited)
    if (rule.forward.length > 0) this.#forward(rule, ref, rewritten)
    if (rule.hold !== undefined) this.#holds.push({ rule: ref, reason: rule.hold })
    if (rule.discard !== undefined) this.#discards.push({ rule: ref, reason: rule.discard })
    if (rule.rules.length > 0) this.#list(rule.rules, rewritten, depth + 1)
  }

  #forward(rule: Rule, ref: RuleRef, rewritten: Rewritten): void {
    const resolved = 'hold' in rewritten ? rewritten : resolve(rewritten.draft)
    if ('hold' in resolved || 'hold' in rewritten) {
      const reason = 'hold' in resolved ? resolved.hold : 'hold' in rewritten ? rewritten.hold : ''
      this.#holds.push({ rule: ref, reason: `rewrite: ${reason}` })
      return
    }
    for (const destination of rule.forward) {
      this.#plan(destination, ref, resolved)
      if (!this.drafts.has(destination)) this.drafts.set(destination, rewritten.draft)
    }
  }

  /** RULES.md 3.8: the same bytes twice are one forward; different bytes are a conflict, and neither is sent. */
  #plan(destination: string, ref: RuleRef, { edits, changes }: Resolved): void {
    if (this.#conflicts.has(destination)) return
    const before = this.#forwards.get(destination)
    if (before === undefined) {
      const { sopInstanceUid } = this.#facts
      this.#forwards.set(destination, {
        destination,
        rules: [ref],
        edits,
        changes,
        sopInstanceUid,
        urgent: this.#isUrgent(destination),
        with: {},
      })
    } else if (sameEdits(before.edits, edits)) {
      this.#forwards.set(destination, { ...before, rules: [...before.rules, ref] })
    } else {
      this.#forwards.delete(destination)
      this.#conflicts.add(destination)
      const first = before.rules.map(({ name }) => name).join(', ')
      this.#holds.push({
        rule: ref,
        reason: `conflict: ${first} and ${ref.name} send different contents to ${destination}`,
      })
    }
  }

  #isUrgent(destination: string): boolean {
    const urgent = this.#ruleset.destinations.get(destination)?.urgent
    return urgent !== undefined && holds(urgent, this.#values)
  }

  #refOf(rule: Rule): RuleRef {
    return { ...rule.ref, rulesetDigest: this.#ruleset.digest }
  }

  #trace(rule: Rule, matched: boolean, depth: number): void {
    this.steps.push({
      rule: this.#refOf(rule),
      depth,
      matched,
      because: rule.match === undefined ? [] : because(rule.match, this.#values),
      forward: matched ? rule.forward : [],
      stopped: matched && rule.stop,
    })
  }
}

/** The working copy before any rule: what was received, with its amendments, which leave with every delivery. */
function receivedDraft(facts: Facts): Draft {
  const draft = new Draft(facts)
  for (const { name, values } of readAmendments(facts.amendments ?? [])) {
    if (values === null) draft.remove(name, 'amend')
    else draft.set(name, values, 'amend')
  }
  return draft
}

/** The rule's verbs after those it inherited, on a working copy of its own. */
function rewrite(rule: Rule, inherited: Rewritten): Rewritten {
  if ('hold' in inherited) return inherited
  const draft = inherited.draft.fork()
  for (const verb of rule.rewrite) {
    const hold = apply(verb, draft)
    if (hold !== undefined) return { hold }
  }
  return { draft }
}
