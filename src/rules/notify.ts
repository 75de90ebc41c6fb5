import { z } from 'zod'
import { type ArgumentTemplates, argumentsSchema, compileArguments } from './arguments.ts'
import { type CalledServices, callField, checkArguments, readCall } from './called-services.ts'
import type { NameScope } from './name.ts'
import type { Place } from './place.ts'

/** What a service is to be told, compiled. */
export interface Notify {
  readonly service: string
  readonly call: string
  readonly with: ArgumentTemplates
  /** Null: once everything has arrived. `received`: at the study's moment. Or when these destinations have it. */
  readonly after: null | 'received' | readonly string[]
}

const after = z.union([z.literal('received'), z.array(z.string().min(1)).min(1)])
const shell = {
  call: callField.describe('The service and its call: his.arrived.'),
  after: after
    .optional()
    .describe('received: at the study moment. Or destinations: when they have it. Unsaid: when all have.'),
}
const notifyShell = z.strictObject({ ...shell, with: z.unknown().optional() })
export const notifySchema = z
  .array(
    z.strictObject({
      ...shell,
      with: argumentsSchema.optional().describe('The arguments of the call: text with {NAME}, over the whole study.'),
    }),
  )
  .min(1)
const listSchema = z.array(z.unknown()).min(1)

export interface NotifyContext {
  readonly services: CalledServices
  readonly destinations: ReadonlySet<string>
  readonly scope: NameScope
}

/** The notifications at a place; what is wrong in them is reported and left out. */
export function compileNotifies(place: Place, context: NotifyContext): readonly Notify[] {
  if (place.value === undefined || place.read(listSchema) === undefined) return []
  if (context.scope.moment !== 'study') {
    return place.reportKey('A service is told of studies: notify stands in a rule with "on: study".') ?? []
  }
  return place.items().flatMap((item) => compileNotify(item, context) ?? [])
}

function compileNotify(place: Place, { services, destinations, scope }: NotifyContext): Notify | undefined {
  const given = place.read(notifyShell)
  if (place.map() === undefined) return undefined
  const call = place.has('call') ? readCall(place.at('call'), services, false) : undefined
  const templates = compileArguments(place.at('with'), scope)
  if (call !== undefined) checkArguments(place, call)
  for (const item of place.at('after').items()) {
    const name = item.text() ?? ''
    if (!destinations.has(name))
      item.report(`No destination ${name}. There are: ${[...destinations].sort().join(', ')}.`)
  }
  if (given === undefined || call === undefined) return undefined
  return { service: call.service, call: call.call, with: templates, after: given.after ?? null }
}
