import { z } from 'zod'
import type { Condition } from './condition.ts'
import {
  DEFAULT_RETRY,
  type Destination,
  destinationShape,
  dimseSchema,
  folderSchema,
  KINDS,
  type Reach,
  reachDimse,
  reachFolder,
  reachStow,
  stowSchema,
} from './destination.ts'
import { type Environment, putEnvironment } from './environment.ts'
import { laterWord } from './later.ts'
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
  dimse: z.unknown().optional(),
  folder: z.unknown().optional(),
  stow: z.unknown().optional(),
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
  if (given.verify !== undefined && !place.has('dimse'))
    place.at('verify').reportKey(`Only dimse is verified by c_echo, not ${place.has('stow') ? 'stow' : 'a folder'}.`)
  const { line } = place.position()
  const destination = { name, file: place.file, line, reach, retry: given.retry ?? DEFAULT_RETRY, verify: given.verify }
  return { destination, urgent }
}

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
  if (kind === undefined) {
    const later = place.entries().some(([key]) => ['satusehat', 'http'].includes(key) && laterWord(key) !== undefined)
    return later ? undefined : place.reportKey(`A destination says how it is reached: ${KINDS.join(', ')}.`)
  }
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
    default:
      return kind satisfies never
  }
}
