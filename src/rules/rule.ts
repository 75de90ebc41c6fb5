import { z } from 'zod'
import type { CalledServices } from './called-services.ts'
import type { Condition, Slots } from './condition.ts'
import type { RuleRef } from './decision.ts'
import { nameField, yesField } from './field.ts'
import { compileForward, type ForwardEntry, forwardSchema } from './forward-entry.ts'
import { compileLookups, type Lookup, lookupSchema, scopeWithin } from './lookup.ts'
import { compileMatch, matchSchema } from './match.ts'
import type { NameScope } from './name.ts'
import { compileNotifies, type Notify, notifySchema } from './notify.ts'
import type { Place } from './place.ts'
import type { Lists } from './predicate.ts'
import { compileVerbs, type Maps, type VerbContext, verbSchema } from './rewrite.ts'
import { checkAnswersNeeded, checkEffect, checkRecord, readMoment } from './rule-sense.ts'
import type { Verb } from './verb.ts'

/** One rule, compiled. */
export interface Rule {
  readonly ref: Omit<RuleRef, 'rulesetDigest'>
  /** 1-based, in its line. */
  readonly column: number
  /** The moment at which it is asked; that of the rule around it. */
  readonly on: 'instance' | 'study'
  /** Undefined: everything. */
  readonly match: Condition | undefined
  readonly lookups: readonly Lookup[]
  readonly rewrite: readonly Verb[]
  readonly forward: readonly ForwardEntry[]
  readonly notify: readonly Notify[]
  readonly hold: string | undefined
  readonly discard: string | undefined
  readonly stop: boolean
  readonly rules: readonly Rule[]
  /** Whether it or a rule inside it forwards, holds or discards: to notify alone is not to want an instance. */
  readonly wants: boolean
}

export interface RuleContext {
  readonly lists: Lists
  readonly maps: Maps
  /** The names under `keys:` of all files. */
  readonly keys: ReadonlySet<string>
  readonly slots: Slots
  readonly destinations: ReadonlySet<string>
  readonly services: CalledServices
  /** Where each rule's name was used first. */
  readonly names: Map<string, string>
}

const sentence = z.string().min(1)
const shell = {
  name: nameField.describe('What the rule is called: in Decisions, in the audit, in GraphQL. Unique over all files.'),
  on: z
    .enum(['instance', 'study'])
    .optional()
    .describe(
      'The moment: instance, when an instance has arrived (unless said otherwise), or study, when its study has.',
    ),
  hold: sentence.optional().describe('Keeps the instance and asks a person; the reason.'),
  discard: sentence.optional().describe('Decides that the instance goes nowhere; the reason.'),
  stop: yesField.optional().describe('Ends the list this rule stands in, when it matched.'),
  record_original: yesField
    .optional()
    .describe('What rewrites of this rule and those inside it replace is kept in the Original Attributes Sequence.'),
}
// The parts that are read piece by piece, so that a mistake in one does not hide those in another.
const ruleShell = z.strictObject({
  ...shell,
  match: z.unknown().optional(),
  lookup: z.unknown().optional(),
  rewrite: z.unknown().optional(),
  forward: z.unknown().optional(),
  notify: z.unknown().optional(),
  rules: z.unknown().optional(),
})

/** The whole rule as the JSON Schema describes it. */
export const ruleSchema: z.ZodType = z.strictObject({
  ...shell,
  match: matchSchema.optional().describe('Which instances; unsaid: all.'),
  lookup: lookupSchema.optional().describe('Whom to ask before anything else of this rule, each answer by its alias.'),
  rewrite: z
    .array(verbSchema)
    .min(1)
    .optional()
    .describe('What is changed on the way, verb by verb, for this rule and those inside it.'),
  forward: forwardSchema.optional().describe('The destinations.'),
  notify: notifySchema.optional().describe('Which services are told that the study has arrived.'),
  get rules() {
    return z
      .array(z.lazy(() => ruleSchema))
      .min(1)
      .optional()
      .describe('Rules that are asked when this one matched; they inherit its rewrite and its lookups.')
  },
})

const listSchema = z.array(z.unknown()).min(1)

/** One list of rules, over all files where it is the top one: which rule, if any, always ends it at a moment. */
export type RuleList = { [moment in Rule['on']]?: string }

/** What a rule has from those around it. */
export interface Inherited {
  readonly scope: NameScope
  /** At the top each rule chooses its moment; inside one they keep it. */
  readonly isTop: boolean
  /** Whether `record_original` is said around it, and whether a `hash` hides what that would keep. */
  readonly records: boolean
  readonly hides: boolean
}

export const AT_THE_TOP: Inherited = {
  scope: { moment: 'instance', aliases: new Map() },
  isTop: true,
  records: false,
  hides: false,
}

/** The rules of one list; whatever is wrong is reported, and what can be read is compiled. */
export function compileRules(
  place: Place,
  context: RuleContext,
  list: RuleList,
  inherited: Inherited,
): readonly Rule[] {
  if (place.value === undefined || place.read(listSchema) === undefined) return []
  return place.items().flatMap((item) => {
    const rule = compileRule(item, context, inherited)
    if (rule === undefined) return []
    const name = item.at('name').text() ?? 'this rule'
    const endedBy = list[rule.on]
    if (endedBy !== undefined) item.report(`The rule ${name} can never be reached: ${endedBy} always stops before it.`)
    else if (rule.stop && !item.has('match')) list[rule.on] = `${name} (${item.file}:${rule.ref.line})`
    return rule
  })
}

function compileRule(place: Place, context: RuleContext, inherited: Inherited): Rule | undefined {
  const given = place.read(ruleShell)
  if (place.map() === undefined) return undefined
  const name = place.at('name').text() ?? ''
  registerName(place.at('name'), name, context)
  const on = readMoment(place.at('on'), inherited)
  const outer: NameScope = { ...inherited.scope, moment: on }
  const match = compileMatch(place.at('match'), { ...context, scope: outer })
  const lookups = compileLookups(place.at('lookup'), context.services, outer)
  const scope = scopeWithin(outer, lookups)
  const verbs = compileRewrite(place.at('rewrite'), { maps: context.maps, keys: context.keys, scope })
  const keeping = { records: given?.record_original ?? inherited.records, hides: inherited.hides || verbs.some(isHash) }
  checkRecord(place, keeping)
  const rewrite = keeping.records === inherited.records ? verbs : [record(keeping.records), ...verbs]
  const forward = compileForward(place.at('forward'), { ...context, scope })
  const notify = compileNotifies(place.at('notify'), { ...context, scope })
  const rules = compileRules(place.at('rules'), context, {}, { scope, isTop: false, ...keeping })
  if (given !== undefined) checkEffect(place, name)
  checkAnswersNeeded(place, outer, scope)
  const { line, column } = place.position()
  const { hold, discard, stop = false } = given ?? {}
  const wants = forward.length > 0 || hold !== undefined || discard !== undefined || rules.some((inner) => inner.wants)
  const ref = { name, file: place.file, line }
  return { ref, column, on, match, lookups, rewrite, forward, notify, hold, discard, stop, rules, wants }
}

const isHash = ({ verb }: Verb): boolean => verb === 'hash'
const record = (isOn: boolean): Verb => ({ verb: 'record_original', isOn })

function registerName(place: Place, name: string, context: RuleContext): void {
  if (name === '') return
  const { line } = place.position()
  const first = context.names.get(name)
  if (first === undefined) context.names.set(name, `${place.file}:${line}`)
  else place.report(`There is a rule ${name} already, at ${first}.`)
}

function compileRewrite(place: Place, context: VerbContext): readonly Verb[] {
  if (place.value === undefined || place.read(listSchema) === undefined) return []
  return place.items().flatMap((item) => compileVerbs(item, context))
}
