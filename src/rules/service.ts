import { z } from 'zod'
import type { DeclaredCall } from '../http/declared-call.ts'
import type { HttpReach } from '../http/reach.ts'
import { checkName } from './destinations.ts'
import { type Environment, putEnvironment } from './environment.ts'
import { parsed } from './field.ts'
import type { Place } from './place.ts'
import { callSchema, compileCall } from './service-call.ts'
import { CREDENTIALS, httpSchema, reachHttp, SERVICE_RETRY, type ServiceRetry } from './service-reach.ts'
import { nearest } from './suggestion.ts'

/** A system that rules ask and tell, as the rules declare it. */
export interface Service {
  readonly name: string
  readonly file: string
  readonly line: number
  readonly reach:
    | { readonly kind: 'http'; readonly http: HttpReach }
    /** As that destination is reached. */
    | { readonly kind: 'satusehat'; readonly sameAs: string }
    /** Names the environment variables that are not set. */
    | { readonly kind: 'not-configured'; readonly unset: readonly string[] }
  readonly retry: ServiceRetry
  /** Known also while the service is not configured: rules mean the same on every machine. */
  readonly calls: ReadonlyMap<string, DeclaredCall>
}

const sameAsField = parsed((text) => {
  const [kind, name, more] = text.split('.')
  return kind === 'destinations' && name !== undefined && name !== '' && more === undefined
    ? name
    : { problem: `${text} does not name a destination; write destinations.satusehat.` }
})
const satusehatSchema = z.strictObject({
  same_as: sameAsField.describe('The destination of kind satusehat whose address and credentials are used.'),
})
const KINDS = ['http', 'satusehat'] as const

/** A service as the JSON Schema describes it. */
export const serviceSchema = z.strictObject({
  http: httpSchema.optional().describe('A system that is asked and told over HTTP.'),
  satusehat: satusehatSchema.optional().describe('SATUSEHAT: offers the call service_request.'),
  calls: z.record(z.string(), callSchema).optional().describe('What it can be asked and told, each under a name.'),
})

const shell = z.strictObject({
  http: z.unknown().optional(),
  satusehat: z.unknown().optional(),
  calls: z.record(z.string(), z.unknown()).optional(),
})

/** What SATUSEHAT can be asked: the ServiceRequest of an accession number. */
const SATUSEHAT_CALLS: ReadonlyMap<string, DeclaredCall> = new Map([
  [
    'service_request',
    {
      name: 'service_request',
      method: 'GET',
      path: ['/ServiceRequest?identifier=', { argument: 'accession' }],
      headers: [],
      body: undefined,
      timeout: undefined,
      found: [200],
      missing: [404],
      accept: undefined,
      already: [],
      keep: ['id', 'patient_id', 'status'].map((field) => ({ field, pointer: `/${field}` })),
      arguments: ['accession'],
    },
  ],
])

/** The service at a place, or undefined after reporting what is wrong with it. */
export function compileService(
  name: string,
  place: Place,
  environment: Environment,
  destinations: ReadonlySet<string>,
): Service | undefined {
  checkName(name, place, 'service')
  const filled = putEnvironment(place.value ?? '', environment)
  const ready = filled.unset.length === 0 ? place.withValue(filled.value) : place
  const given = ready.read(shell)
  const kind = readKind(ready, given !== undefined)
  const reach = kind === undefined ? undefined : readReach(kind, ready, filled.unset, destinations)
  const calls = kind === 'satusehat' ? SATUSEHAT_CALLS : readCalls(ready.at('calls'))
  if (kind === 'satusehat' && ready.has('calls'))
    ready.at('calls').reportKey('The calls of SATUSEHAT are known already.')
  if (given === undefined || reach === undefined || calls === undefined) return undefined
  return { name, file: place.file, line: place.position().line, ...reach, calls }
}

function readKind(place: Place, whole: boolean): (typeof KINDS)[number] | undefined {
  const [kind, another] = KINDS.filter((one) => place.has(one))
  // A key that is written wrongly has been reported, and was perhaps meant to be the kind.
  if (kind === undefined && !whole) return undefined
  if (kind === undefined) return place.reportKey(`A service says how it is reached: ${KINDS.join(' or ')}.`)
  if (another !== undefined)
    return place.at(another).reportKey('A service is of one kind; here are http and satusehat.')
  return kind
}

type Reached = Pick<Service, 'reach' | 'retry'>

function readReach(
  kind: (typeof KINDS)[number],
  place: Place,
  unset: readonly string[],
  destinations: ReadonlySet<string>,
): Reached | undefined {
  // With variables that are not set, what stands in their places cannot be judged.
  if (unset.length > 0) return { reach: { kind: 'not-configured', unset }, retry: SERVICE_RETRY }
  const inside = place.at(kind)
  if (kind === 'satusehat') {
    const sameAs = inside.read(satusehatSchema)?.same_as
    if (sameAs === undefined) return undefined
    if (!destinations.has(sameAs)) return inside.at('same_as').report(sayNoDestination(sameAs, destinations))
    return { reach: { kind: 'satusehat', sameAs }, retry: SERVICE_RETRY }
  }
  const [, another] = CREDENTIALS.filter((key) => inside.has(key))
  if (another !== undefined) inside.at(another).reportKey(`Credentials are of one kind: ${CREDENTIALS.join(', ')}.`)
  const options = inside.read(httpSchema)
  if (options === undefined) return undefined
  return { reach: { kind: 'http', http: reachHttp(options) }, retry: options.retry ?? SERVICE_RETRY }
}

function sayNoDestination(name: string, destinations: ReadonlySet<string>): string {
  const near = nearest(name, destinations)
  return near === undefined ? `No destination ${name}.` : `No destination ${name}. Did you mean ${near}?`
}

function readCalls(place: Place): ReadonlyMap<string, DeclaredCall> | undefined {
  const entries = place.entries().map(([name, inner]) => compileCall(name, inner))
  return entries.every((call) => call !== undefined) ? new Map(entries.map((call) => [call.name, call])) : undefined
}
