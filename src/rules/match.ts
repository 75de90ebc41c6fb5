import { z } from 'zod'
import type { Condition, Slots } from './condition.ts'
import { INSTANCE_SCOPE, type NameScope, parseName } from './name.ts'
import type { Place } from './place.ts'
import { compilePredicate, type Lists, predicateSchema } from './predicate.ts'

/** RULES.md 2: everything in it must hold. Its other keys are NAMEs. */
export const matchSchema: z.ZodType = z
  .object({
    get all() {
      return z
        .array(z.lazy(() => matchSchema))
        .min(1)
        .optional()
        .describe('All of these hold.')
    },
    get any() {
      return z
        .array(z.lazy(() => matchSchema))
        .min(1)
        .optional()
        .describe('At least one of these holds.')
    },
    get not() {
      return z
        .lazy(() => matchSchema)
        .optional()
        .describe('This does not hold.')
    },
  })
  .catchall(predicateSchema)

export interface MatchContext {
  readonly lists: Lists
  readonly slots: Slots
  /** Unsaid: at the instance moment, outside of any lookup. */
  readonly scope?: NameScope
}

const listSchema = z.array(z.unknown()).min(1)
const mapSchema = z.record(z.string(), z.unknown())

/** The match at a place; what is wrong in it is reported and left out, so that the rest is still checked. */
export function compileMatch(place: Place, context: MatchContext): Condition | undefined {
  if (place.value === undefined || place.read(mapSchema) === undefined) return undefined
  if (place.entries().length === 0) return place.reportKey('The match is empty; leave it out to match everything.')
  const parts = place.entries().flatMap(([key, inner]) => compileEntry(key, inner, context) ?? [])
  return parts.length === 1 ? parts[0] : { kind: 'all', of: parts }
}

function compileEntry(key: string, place: Place, context: MatchContext): Condition | undefined {
  if (key === 'all' || key === 'any') {
    if (place.read(listSchema) === undefined) return undefined
    return { kind: key, of: place.items().flatMap((item) => compileMatch(item, context) ?? []) }
  }
  if (key === 'not') {
    const of = compileMatch(place, context)
    return of === undefined ? undefined : { kind: 'not', of }
  }
  const name = parseName(key, context.scope ?? INSTANCE_SCOPE)
  if ('problem' in name) return place.reportKey(name.problem)
  const predicate = compilePredicate(place, name, context.lists)
  return predicate === undefined ? undefined : { kind: 'test', name, slot: context.slots.slotOf(name), predicate }
}
