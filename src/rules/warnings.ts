import type { Caller, TokenlessRole } from './caller.ts'
import { requiredOf } from './condition.ts'
import type { CompiledDestination } from './destinations.ts'
import type { ForwardEntry } from './forward-entry.ts'
import type { Rule } from './rule.ts'
import type { RuleProblem } from './rule-problem.ts'

/** What a person should know of rules that are no mistake: nothing of it keeps a ruleset from being loaded. */
export function warningsOf(
  rules: readonly Rule[],
  destinations: ReadonlyMap<string, CompiledDestination>,
  callers: readonly Caller[],
): readonly RuleProblem[] {
  return [...conflicts(rules), ...[...destinations.values()].flatMap(unfulfilled), ...callers.flatMap(withoutEffect)]
}

/** The admin listener lets in tokens alone, and nothing on the integrators' port asks for these. */
const OF_THE_ADMIN: readonly TokenlessRole[] = ['VIEWER', 'OPERATOR']

function withoutEffect({ name, file, line, expect, reportTo, http }: Caller): readonly RuleProblem[] {
  const said: string[] = []
  const idle = http.filter((role) => OF_THE_ADMIN.includes(role))
  if (idle.length > 0)
    said.push(`${idle.join(' and ')} under http lets ${name} do nothing: the admin listener always asks for a token.`)
  if (expect !== undefined) said.push(`Nothing watches yet whether ${name} sends what is expected of it.`)
  if (reportTo !== undefined) said.push(`This version sends no storage commitment reports to ${name} yet.`)
  return said.map((message) => ({ file, line, column: 1, message }))
}

function unfulfilled({ destination }: CompiledDestination): readonly RuleProblem[] {
  const { name, file, line, lacks, failover } = destination
  const said: string[] = []
  if (lacks !== undefined) said.push(`What goes to ${name} is held: ${lacks}.`)
  if (failover !== undefined)
    said.push(
      `This version does not carry out failover yet: what goes to ${name} waits for it and not for ${failover}.`,
    )
  return said.map((message) => ({ file, line, column: 1, message }))
}

/** One way by which instances reach a destination. */
interface Way {
  readonly entry: ForwardEntry
  /** The rule and those around it, the outermost first, each with its place in its list. */
  readonly rules: readonly { readonly rule: Rule; readonly index: number }[]
}

/** Pairs of rules that may send different contents of one instance to one destination, as far as that shows (RULES.md 3.8). */
function conflicts(rules: readonly Rule[]): readonly RuleProblem[] {
  const ways = new Map<string, Way[]>()
  collect(rules, [], (way) => ways.set(way.entry.to, [...(ways.get(way.entry.to) ?? []), way]))
  return [...ways.values()].flatMap((all) =>
    all.flatMap((later, index) => {
      const earlier = all.slice(0, index).find((other) => mayConflict(other, later))
      return earlier === undefined ? [] : [warn(earlier, later)]
    }),
  )
}

function collect(rules: readonly Rule[], around: Way['rules'], found: (way: Way) => void): void {
  for (const [index, rule] of rules.entries()) {
    const way = [...around, { rule, index }]
    for (const entry of rule.forward) found({ entry, rules: way })
    collect(rule.rules, way, found)
  }
}

function warn(earlier: Way, later: Way): RuleProblem {
  const [one, other] = [ownRule(earlier), ownRule(later)]
  const { file, line } = other.ref
  const message = `${other.ref.name} and ${one.ref.name} (${one.ref.file}:${one.ref.line}) may send different contents of one instance to ${later.entry.to}; such an instance would be held as a conflict.`
  return { file, line, column: other.column, message }
}

const ownRule = ({ rules }: Way): Rule => {
  const last = rules.at(-1)
  if (last === undefined) throw new RangeError('a way without a rule')
  return last.rule
}

function mayConflict(earlier: Way, later: Way): boolean {
  if (sameContents(earlier, later)) return false
  if (ownRule(earlier).on !== ownRule(later).on) return true
  return !isStopped(earlier, later) && !exclude(earlier, later)
}

/** Whether the same rewrites are done on both ways, in the same order, and the destination is told the same. */
function sameContents(one: Way, other: Way): boolean {
  const [rewrites, others] = [one, other].map(({ rules }) =>
    rules.map(({ rule }) => rule).filter(({ rewrite }) => rewrite.length > 0),
  )
  const same = rewrites?.length === others?.length && rewrites?.every((rule, index) => rule === others?.[index])
  return same === true && one.entry.with.size + other.entry.with.size === 0
}

/** Whether the earlier way, once taken, ends the list in which the later one stands. */
function isStopped(earlier: Way, later: Way): boolean {
  const at = earlier.rules.findIndex(({ rule }, index) => rule !== later.rules[index]?.rule)
  return at >= 0 && earlier.rules[at]?.rule.stop === true
}

/** Whether the matches of both ways can never hold together, as far as their plain comparisons show. */
function exclude(one: Way, other: Way): boolean {
  const required = [one, other].map(({ rules }) =>
    rules.flatMap(({ rule }) => (rule.match === undefined ? [] : requiredOf(rule.match))),
  )
  const onInstance = ownRule(one).on === 'instance'
  return (required[0] ?? []).some((a) => (required[1] ?? []).some((b) => contradict(a, b, onInstance)))
}

type Required = ReturnType<typeof requiredOf>[number]

function contradict(one: Required, other: Required, onInstance: boolean): boolean {
  if (one.name.text !== other.name.text) return false
  if (one.negated && other.negated) return false
  if (one.negated) return [...other.among].every((value) => one.among.has(value))
  if (other.negated) return [...one.among].every((value) => other.among.has(value))
  return hasOneValue(one.name, onInstance) && ![...one.among].some((value) => other.among.has(value))
}

/** Whether there can be one value only; over a study an attribute may have as many as there are instances. */
function hasOneValue(name: Required['name'], onInstance: boolean): boolean {
  if (name.kind === 'answer') return true
  if (name.kind === 'study') return name.name !== 'modalities'
  if (!onInstance) return false
  if (name.kind === 'ours') return name.name !== 'sop_class' && name.name !== 'transfer_syntax'
  return name.vm === '1' && name.path.length === 1
}
