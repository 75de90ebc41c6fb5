import { z } from 'zod'
import type { Condition, Slots } from './condition.ts'
import type { RuleRef } from './decision.ts'
import { nameField, yesField } from './field.ts'
import { compileMatch, matchSchema } from './match.ts'
import { INSTANCE_SCOPE } from './name.ts'
import type { Place } from './place.ts'
import type { Lists } from './predicate.ts'
import { compileVerbs, type Maps, verbSchema } from './rewrite.ts'
import type { Verb } from './verb.ts'

/** One rule, compiled. */
export interface Rule {
  readonly ref: Omit<RuleRef, 'rulesetDigest'>
  /** Undefined: everything. */
  readonly match: Condition | undefined
  readonly rewrite: readonly Verb[]
  readonly forward: readonly string[]
  readonly hold: string | undefined
  readonly discard: string | undefined
  readonly stop: boolean
  readonly rules: readonly Rule[]
}

export interface RuleContext {
  readonly lists: Lists
  readonly maps: Maps
  /** The names under `keys:` of all files. */
  readonly keys: ReadonlySet<string>
  readonly slots: Slots
  readonly destinations: ReadonlySet<string>
  /** Where each rule's name was used first. */
  readonly names: Map<string, string>
}

const sentence = z.string().min(1)
const shell = {
  name: nameField.describe('What the rule is called: in Decisions, in the audit, in GraphQL. Unique over all files.'),
  on: z.enum(['instance']).optional().describe('The moment: instance, when an instance has arrived.'),
  hold: sentence.optional().describe('Keeps the instance and asks a person; the reason.'),
  discard: sentence.optional().describe('Decides that the instance goes nowhere; the reason.'),
  stop: yesField.optional().describe('Ends the list this rule stands in, when it matched.'),
}
// The parts that are read piece by piece, so that a mistake in one does not hide those in another.
const ruleShell = z.strictObject({
  ...shell,
  match: z.unknown().optional(),
  rewrite: z.unknown().optional(),
  forward: z.unknown().optional(),
  rules: z.unknown().optional(),
})

/** The whole rule as the JSON Schema describes it. */
export const ruleSchema: z.ZodType = z.strictObject({
  ...shell,
  match: matchSchema.optional().describe('Which instances; unsaid: all.'),
  rewrite: z
    .array(verbSchema)
    .min(1)
    .optional()
    .describe('What is changed on the way, verb by verb, for this rule and those inside it.'),
  forward: z
    .array(z.union([z.string(), z.strictObject({ to: z.string() })]))
    .min(1)
    .optional()
    .describe('The destinations.'),
  get rules() {
    return z
      .array(z.lazy(() => ruleSchema))
      .min(1)
      .optional()
      .describe('Rules that are asked when this one matched; they inherit its rewrite.')
  },
})

const listSchema = z.array(z.unknown()).min(1)
const forwardSchema = z.union([z.string(), z.strictObject({ to: z.string() })])

/** One list of rules, over all files where it is the top one: which rule, if any, always ends it. */
export interface RuleList {
  endedBy?: string
}

/** The rules of one list; whatever is wrong is reported, and what can be read is compiled. */
export function compileRules(place: Place, context: RuleContext, list: RuleList): readonly Rule[] {
  if (place.value === undefined || place.read(listSchema) === undefined) return []
  return place.items().flatMap((item) => {
    const rule = compileRule(item, context)
    const name = item.at('name').text() ?? 'this rule'
    if (list.endedBy !== undefined)
      item.report(`The rule ${name} can never be reached: ${list.endedBy} always stops before it.`)
    else if (rule?.stop === true && !item.has('match')) list.endedBy = `${name} (${item.file}:${rule.ref.line})`
    return rule ?? []
  })
}

function compileRule(place: Place, context: RuleContext): Rule | undefined {
  const given = place.read(ruleShell)
  if (place.map() === undefined) return undefined
  const name = place.at('name').text() ?? ''
  registerName(place.at('name'), name, context)
  const match = compileMatch(place.at('match'), context)
  const rewrite = compileRewrite(place.at('rewrite'), context)
  const forward = compileForward(place.at('forward'), context)
  const rules = compileRules(place.at('rules'), context, {})
  if (given !== undefined && !['forward', 'hold', 'discard', 'rules'].some((key) => place.has(key))) {
    place.report(`The rule ${name} does nothing; it needs forward, hold, discard or rules.`)
  }
  if (given?.hold !== undefined && given.discard !== undefined)
    place.at('discard').reportKey('A rule holds or discards, not both.')
  const { line } = place.position()
  const { hold, discard, stop } = given ?? {}
  return { ref: { name, file: place.file, line }, match, rewrite, forward, hold, discard, stop: stop ?? false, rules }
}

function registerName(place: Place, name: string, context: RuleContext): void {
  if (name === '') return
  const { line } = place.position()
  const first = context.names.get(name)
  if (first === undefined) context.names.set(name, `${place.file}:${line}`)
  else place.report(`There is a rule ${name} already, at ${first}.`)
}

function compileRewrite(place: Place, context: RuleContext): readonly Verb[] {
  if (place.value === undefined || place.read(listSchema) === undefined) return []
  return place
    .items()
    .flatMap((item) => compileVerbs(item, { maps: context.maps, scope: INSTANCE_SCOPE, keys: context.keys }))
}

function compileForward(place: Place, context: RuleContext): readonly string[] {
  if (place.value === undefined || place.read(listSchema) === undefined) return []
  const seen = new Set<string>()
  for (const item of place.items()) {
    if (item.read(forwardSchema) === undefined) continue
    const named = item.map() === undefined ? item : item.at('to')
    const name = named.text() ?? ''
    if (!context.destinations.has(name)) {
      const known = [...context.destinations].sort()
      named.report(
        `No destination ${name}. ${known.length === 0 ? 'None is declared.' : `There are: ${known.join(', ')}.`}`,
      )
    } else if (seen.has(name)) named.report(`${name} stands twice in this list.`)
    seen.add(name)
  }
  return [...seen]
}
