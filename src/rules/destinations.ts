import { z } from 'zod'
import type { Condition } from './condition.ts'
import {
  DEFAULT_RETRY,
  type Destination,
  destinationShape,
  dimseSchema,
  folderSchema,
  KINDS,
  lackOf,
  type Reach,
  reachDimse,
  reachFolder,
  reachStow,
  stowSchema,
} from './destination.ts'
import { type Environment, putEnvironment } from './environment.ts'
import { httpDestinationSchema, reachHttpDestination, reachSatusehat, satusehatSchema } from './http-destination.ts'
import { compileMatch, type MatchContext, matchSchema } from './match.ts'
import type { Place } from './place.ts'

/** A destination as the JSON Schema describes it. */
export const destinationSchema = z.strictObject({
  ...destinationShape,
  urgent: matchSchema.optional().describe('A match: instances for which it holds go first.'),
})

// The kinds are read piece by piece, each with its own schema.
const shell = z.strictObject({
  retry: destinationShape.retry,
  verify: destinationShape.verify,
  commit: destinationShape.commit,
  failover: destinationShape.failover,
  dimse: z.unknown().optional(),
  folder: z.unknown().optional(),
  stow: z.unknown().optional(),
  satusehat: z.unknown().optional(),
  http: z.unknown().optional(),
  urgent: z.unknown().optional(),
})

const NAME = /^[a-z][a-z0-9_]{0,62}$/

export interface CompiledDestination {
  readonly destination: Destination
  readonly urgent: Condition | undefined
}

/** The destination at a place, or undefined after reporting what is wrong with it. */
export function compileDestination(
  name: string,
  place: Place,
  environment: Environment,
  context: MatchContext,
): CompiledDestination | undefined {
  checkName(name, place, 'destination')
  const urgent = compileMatch(place.at('urgent'), context)
  const filled = putEnvironment(place.value ?? '', environment)
  const ready = filled.unset.length === 0 ? place.withValue(filled.value) : place
  const given = readShell(ready, filled.unset)
  const reach = compileReach(ready, filled.unset)
  if (given === undefined || reach === undefined) return undefined
  const kind = KINDS.find((one) => place.has(one)) ?? 'dimse'
  if (given.verify !== undefined && kind !== 'dimse')
    place.at('verify').reportKey(`Only dimse is verified by c_echo, not ${SPOKEN[kind]}.`)
  if (given.commit !== undefined && kind !== 'dimse')
    place.at('commit').reportKey(`Only dimse is asked to commit, not ${SPOKEN[kind]}.`)
  const { retry = DEFAULT_RETRY, verify, commit, failover } = given
  const lacks = lackOf(kind, commit)
  const { line } = place.position()
  const destination = { name, file: place.file, line, reach, retry, verify, commit, failover, lacks }
  return { destination, urgent }
}

const SPOKEN = { dimse: 'dimse', folder: 'a folder', stow: 'stow', satusehat: 'satusehat', http: 'http' } as const

/** Why what goes to the destination of that name must not be sent yet; null when it may be. Of low cardinality. */
export function heldTowards(destinations: ReadonlyMap<string, CompiledDestination>, name: string): string | null {
  const known = destinations.get(name)
  if (known === undefined) return 'destination gone'
  const { lacks } = known.destination
  return lacks === undefined ? null : `not-configured: ${lacks}`
}

/** Reports a key that cannot name something that rules and the ledger speak of. @param what for the sentence: `destination` */
export function checkName(name: string, place: Place, what: string): void {
  if (!NAME.test(name))
    place.reportKey(`${name} cannot name a ${what}: small letters, digits and underscores, at most 63, a letter first.`)
}

/** With variables that are not set, what stands in their places cannot be judged. */
function readShell(place: Place, unset: readonly string[]): z.output<typeof shell> | undefined {
  if (unset.length === 0) return place.read(shell)
  return shell.safeParse(place.value).data ?? {}
}

function compileReach(place: Place, unset: readonly string[]): Reach | undefined {
  if (place.map() === undefined) return undefined
  const kinds = KINDS.filter((kind) => place.has(kind))
  const [kind, another] = kinds
  if (kind === undefined) return place.reportKey(`A destination says how it is reached: ${KINDS.join(', ')}.`)
  if (another !== undefined)
    return place.at(another).reportKey(`A destination is of one kind; here are ${kinds.join(' and ')}.`)
  if (unset.length > 0) return { kind: 'not-configured', unset }
  const inside = place.at(kind)
  switch (kind) {
    case 'dimse': {
      const options = inside.read(dimseSchema)
      return options === undefined ? undefined : reachDimse(options)
    }
    case 'folder': {
      const options = inside.read(folderSchema)
      return options === undefined ? undefined : reachFolder(options)
    }
    case 'stow': {
      const options = inside.read(stowSchema)
      return options === undefined ? undefined : reachStow(options)
    }
    case 'satusehat': {
      const options = inside.read(satusehatSchema)
      return options === undefined ? undefined : { kind, satusehat: reachSatusehat(options) }
    }
    case 'http': {
      const options = inside.read(httpDestinationSchema)
      return options === undefined ? undefined : { kind, http: reachHttpDestination(options) }
    }
    default:
      return kind satisfies never
  }
}
