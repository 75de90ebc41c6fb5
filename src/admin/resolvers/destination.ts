import type { AdminContext } from '../context.ts'
import type { DestinationResolvers } from '../generated.ts'
import { globalId } from '../global-id.ts'
import type { DestinationModel, DestinationState } from '../models.ts'
import { readPage } from '../paging.ts'
import { deliverySelection } from './selection.ts'

export const destination: DestinationResolvers = {
  id: ({ name }) => globalId('Destination', name),
  kind: ({ name }, _args, context) => context.destinations.declared(name)?.kind ?? null,
  address: ({ name }, _args, context) => context.destinations.declared(name)?.address ?? null,
  state: ({ name }, _args, context) => stateOf(name, context),
  pausedBy: async ({ name }, _args, context) => (await pauseOf(name, context))?.by ?? null,
  queue: ({ name }, _args, context) => context.queueDepth(name),
  async deliveries({ name }, args, { ledger }) {
    const page = readPage(args)
    const selection = deliverySelection(args.filter)
    // One destination's deliveries of another destination: none, whatever else is asked.
    if (selection.destination !== undefined && selection.destination !== name) {
      return { rows: [], hasNext: false, hasPrevious: false }
    }
    const mine = { ...selection, destination: name }
    return { ...(await ledger.views.deliveries(mine, page)), count: () => ledger.views.deliveryCount(mine, COUNT_CAP) }
  },
}

/** Above it, counting costs more than it tells. */
export const COUNT_CAP = 10_000

/** What the rules declare, in their order, then what else has ever been owed something. */
export async function allDestinations(context: AdminContext): Promise<readonly DestinationModel[]> {
  const names = new Set([...context.destinations.names(), ...(await context.conditions()).keys()])
  return [...names].map((name) => ({ name }))
}

/** Undefined when neither the rules nor the ledger know it. */
export async function findDestination(name: string, context: AdminContext): Promise<DestinationModel | undefined> {
  const known = context.destinations.names().includes(name) || (await context.conditions()).has(name)
  return known ? { name } : undefined
}

async function stateOf(name: string, context: AdminContext): Promise<DestinationState> {
  if ((await pauseOf(name, context)) !== null) return 'PAUSED'
  const isDown = ((await context.conditions()).get(name)?.down ?? null) !== null
  return isDown || context.destinations.declared(name) === undefined ? 'DOWN' : 'UP'
}

async function pauseOf(name: string, context: AdminContext) {
  const paused = (await context.conditions()).get(name)?.paused ?? null
  return paused?.until === undefined || paused.until === null || paused.until > context.ledger.now() ? paused : null
}
