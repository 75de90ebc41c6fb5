import { z } from 'zod'
import { type ArgumentTemplates, argumentsSchema, compileArguments } from './arguments.ts'
import type { Condition } from './condition.ts'
import { compileMatch, type MatchContext, matchSchema } from './match.ts'
import type { NameScope } from './name.ts'
import type { Place } from './place.ts'

/** One destination of a rule. */
export interface ForwardEntry {
  readonly to: string
  /** Which instances of the study; undefined: all. */
  readonly only: Condition | undefined
  readonly with: ArgumentTemplates
}

const shell = z.union([
  z.string(),
  z.strictObject({ to: z.string(), only: z.unknown().optional(), with: z.unknown().optional() }),
])
export const forwardSchema = z
  .array(
    z.union([
      z.string(),
      z.strictObject({
        to: z.string().describe('The destination.'),
        only: matchSchema.optional().describe('Which instances of the study; for rules with "on: study".'),
        with: argumentsSchema
          .optional()
          .describe('What the destination is told beside the instances: text with {NAME}, as it leaves.'),
      }),
    ]),
  )
  .min(1)
const listSchema = z.array(z.unknown()).min(1)

export interface ForwardContext extends MatchContext {
  readonly destinations: ReadonlySet<string>
  readonly scope: NameScope
}

/** The destinations at a place; what is wrong in them is reported and left out. */
export function compileForward(place: Place, context: ForwardContext): readonly ForwardEntry[] {
  if (place.value === undefined || place.read(listSchema) === undefined) return []
  const entries = new Map<string, ForwardEntry>()
  for (const item of place.items()) {
    if (item.read(shell) === undefined) continue
    const named = item.map() === undefined ? item : item.at('to')
    const to = named.text() ?? ''
    if (!context.destinations.has(to)) {
      const known = [...context.destinations].sort()
      named.report(
        `No destination ${to}. ${known.length === 0 ? 'None is declared.' : `There are: ${known.join(', ')}.`}`,
      )
    } else if (entries.has(to)) named.report(`${to} stands twice in this list.`)
    entries.set(to, {
      to,
      only: compileOnly(item.at('only'), context),
      with: compileArguments(item.at('with'), context.scope),
    })
  }
  return [...entries.values()]
}

function compileOnly(place: Place, context: ForwardContext): Condition | undefined {
  if (place.value === undefined) return undefined
  if (context.scope.moment === 'study') {
    // It is asked of each instance by itself, so the study's own facts are none of its names.
    return compileMatch(place, { ...context, scope: { ...context.scope, moment: 'instance' } })
  }
  return place.reportKey('Only a rule with "on: study" chooses instances; write a match instead of only.')
}
