import { z } from 'zod'
import type { Milliseconds } from '../base/clock.ts'
import { type ArgumentTemplates, argumentsSchema, compileArguments } from './arguments.ts'
import { type CalledServices, callField, checkArguments, readCall } from './called-services.ts'
import { durationField } from './field.ts'
import type { NameScope } from './name.ts'
import type { Place } from './place.ts'

/** One question of a rule, compiled. */
export interface Lookup {
  readonly alias: string
  readonly service: string
  readonly call: string
  readonly with: ArgumentTemplates
  readonly onMissing: 'hold' | 'continue'
  /** For how long after `found: false` it is asked again; null: not by itself. */
  readonly tryFor: Milliseconds | null
  /** What its answer may say. */
  readonly fields: ReadonlySet<string>
}

const shell = {
  call: callField.describe('The service and its call: his.order.'),
  on_missing: z
    .enum(['hold', 'continue'])
    .optional()
    .describe('When nothing was found: hold (unless said otherwise), or continue, and a rule inside looks at found.'),
  try_for: durationField.optional().describe('With hold: for how long it is asked again before a person is.'),
}
const lookupShell = z.strictObject({ ...shell, with: z.unknown().optional() })
export const lookupSchema = z.record(
  z.string(),
  z.strictObject({
    ...shell,
    with: argumentsSchema.optional().describe('The arguments of the call: text with {NAME}, as it was received.'),
  }),
)
const mapSchema = z.record(z.string(), z.unknown())
const ALIAS = /^[a-z][a-z0-9_]{0,62}$/

/** The lookups at a place; what is wrong in them is reported and left out. */
export function compileLookups(place: Place, services: CalledServices, scope: NameScope): readonly Lookup[] {
  if (place.value === undefined || place.read(mapSchema) === undefined) return []
  return place.entries().flatMap(([alias, inner]) => compileLookup(alias, inner, services, scope) ?? [])
}

function compileLookup(alias: string, place: Place, services: CalledServices, scope: NameScope): Lookup | undefined {
  if (!ALIAS.test(alias))
    place.reportKey(`${alias} cannot name an answer: small letters, digits and underscores, a letter first.`)
  if (scope.aliases.has(alias)) place.reportKey(`A rule around this one has a lookup ${alias} already.`)
  const given = place.read(lookupShell)
  if (place.map() === undefined) return undefined
  if (given?.try_for !== undefined && given.on_missing === 'continue')
    place.at('try_for').reportKey('With on_missing: continue nothing is asked again; try_for is for hold.')
  const call = place.has('call') ? readCall(place.at('call'), services, true) : undefined
  const templates = compileArguments(place.at('with'), scope)
  if (call !== undefined) checkArguments(place, call)
  return {
    alias,
    service: call?.service ?? '',
    call: call?.call ?? '',
    with: templates,
    onMissing: given?.on_missing ?? 'hold',
    tryFor: given?.try_for ?? null,
    fields: call?.outline.fields ?? new Set(),
  }
}

/** The scope in which a rule's own templates and its children stand: the lookups around it and its own. */
export const scopeWithin = (scope: NameScope, lookups: readonly Lookup[]): NameScope =>
  lookups.length === 0
    ? scope
    : {
        ...scope,
        // A call that does not exist has been reported; its fields are anybody's guess.
        aliases: new Map([
          ...scope.aliases,
          ...lookups.map(({ alias, service, fields }) => [alias, service === '' ? undefined : fields] as const),
        ]),
      }
