import { z } from 'zod'
import { isRuleList, isRuleMap, type Place } from './place.ts'
import { argumentsIn, readCallTemplate } from './service-template.ts'
import { didYouMean } from './suggestion.ts'
import type { RuleValue } from './yaml-tree.ts'

/** What a rule must know of a call to use it. */
export interface CallOutline {
  /** Whether it brings an answer that a lookup can read; otherwise it tells. */
  readonly asks: boolean
  /** What its answer may say besides `found`. */
  readonly fields: ReadonlySet<string>
  /** What it must be given. */
  readonly arguments: ReadonlySet<string>
}

/** The services of all files with their calls, by name. A service with a mistake of its own is still there. */
export type CalledServices = ReadonlyMap<string, ReadonlyMap<string, CallOutline>>

/** A call as a rule names it. */
export interface CallName {
  readonly service: string
  readonly call: string
  readonly outline: CallOutline
}

// The ServiceRequest of an accession number, as SATUSEHAT has it.
const SATUSEHAT_CALLS: ReadonlyMap<string, CallOutline> = new Map([
  [
    'service_request',
    { asks: true, fields: new Set(['id', 'patient_id', 'status']), arguments: new Set(['accession']) },
  ],
])

/** The calls of the service at a place, as far as they can be read: what is wrong with it is said where it is compiled. */
export function outlineCalls(service: Place): ReadonlyMap<string, CallOutline> {
  if (service.has('satusehat')) return SATUSEHAT_CALLS
  return new Map(
    service
      .at('calls')
      .entries()
      .map(([name, call]) => [name, outlineCall(call)]),
  )
}

function outlineCall(call: Place): CallOutline {
  const names = new Set<string>()
  collectNames(call.value ?? '', names)
  const keep = call.at('keep')
  const fields = keep.items().length > 0 ? keep.items().map((item) => item.text() ?? '') : Object.keys(keep.map() ?? {})
  return { asks: call.has('get'), fields: new Set(fields), arguments: names }
}

function collectNames(value: RuleValue, names: Set<string>): void {
  if (isRuleList(value)) for (const item of value) collectNames(item, names)
  else if (isRuleMap(value)) for (const key of Object.keys(value)) collectNames(value[key] ?? '', names)
  else {
    const template = readCallTemplate(value)
    if (!('problem' in template)) for (const name of argumentsIn(template)) names.add(name)
  }
}

export const callField = z.string().min(1)

/** The call at a place, or undefined after reporting that there is none of that name, or none of that kind. */
export function readCall(place: Place, services: CalledServices, asks: boolean): CallName | undefined {
  const text = place.text() ?? ''
  const [service = '', call = '', more] = text.split('.')
  if (service === '' || call === '' || more !== undefined)
    return place.report(`${text || 'Nothing'} does not name a call; write service.call.`)
  const calls = services.get(service)
  if (calls === undefined) return place.report(`No service ${service}.${sayKnown(service, services.keys())}`)
  const outline = calls.get(call)
  if (outline === undefined) return place.report(`${service} has no call ${call}.${sayKnown(call, calls.keys())}`)
  if (outline.asks === asks) return { service, call, outline }
  return place.report(
    asks
      ? `${text} tells and brings no answer; a lookup needs a call with get.`
      : `${text} asks and tells nothing; a notify needs a call with post or put.`,
  )
}

function sayKnown(name: string, names: Iterable<string>): string {
  const known = [...names].sort()
  return didYouMean(name, known) || (known.length === 0 ? ' None is declared.' : ` There are: ${known.join(', ')}.`)
}

/** Reports the arguments that the call does not know, and those it needs and is not given. */
export function checkArguments(place: Place, { service, call, outline }: CallName): void {
  const given = place.at('with').map() ?? {}
  for (const name of Object.keys(given)) {
    if (!outline.arguments.has(name))
      place
        .at('with')
        .at(name)
        .reportKey(`${service}.${call} takes no ${name}.${sayKnown(name, outline.arguments)}`)
  }
  const missing = [...outline.arguments].filter((name) => given[name] === undefined)
  if (missing.length > 0) place.at('call').report(`${service}.${call} needs ${missing.join(', ')} under with:.`)
}
