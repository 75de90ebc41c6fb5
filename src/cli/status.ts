import { readSettings } from '../settings/settings.ts'
import type { Command, CommandContext } from './command.ts'
import { optionsAlone } from './options.ts'
import { askRunning } from './running.ts'

const STATUS = `{
  health { ready version problems spoolFree }
  destinations { name kind state queue { ready waiting sending held rejected failed } }
  obligationCounts { undecided waiting held }
  holds(first: 10) { nodes { reason others rule { name } instance { id } } }
}`

interface Destination {
  readonly name: string
  readonly kind: string
  readonly state: string
  readonly queue: Readonly<Record<'ready' | 'waiting' | 'sending' | 'held' | 'rejected' | 'failed', number>>
}

interface Hold {
  readonly reason: string | null
  readonly others: number
  readonly rule: { readonly name: string } | null
  readonly instance: { readonly id: string }
}

interface Status {
  readonly health: {
    readonly ready: boolean
    readonly version: string
    readonly problems: readonly string[]
    readonly spoolFree: number
  }
  readonly destinations: readonly Destination[]
  readonly obligationCounts: Readonly<Record<'undecided' | 'waiting' | 'held', number>>
  readonly holds: { readonly nodes: readonly Hold[] }
}

/** Asks the running Kurir how it is; exit code 1 when it is not ready or has a problem. */
export const statusCommand: Command = {
  name: 'status',
  usage: '',
  sentence: 'how the running Kurir is: health, destinations, what waits where, what is held and why',
  async run(args, context) {
    optionsAlone(args, {})
    const settings = readSettings(context.environment)
    const status = (await askRunning(settings, STATUS)) as Status
    const { health } = status
    const free = (health.spoolFree / 2 ** 30).toFixed(1)
    context.print(`Kurir ${health.version} is ${health.ready ? 'ready' : 'not ready'}; ${free} GB free for the spool`)
    for (const problem of health.problems) context.print(`problem: ${problem}`)
    printDestinations(status.destinations, context)
    printHolds(status, context)
    return health.ready && health.problems.length === 0 ? 0 : 1
  },
}

function printDestinations(destinations: readonly Destination[], context: CommandContext): void {
  const width = Math.max(11, ...destinations.map((destination) => destination.name.length))
  const columns = ['ready', 'waiting', 'sending', 'held', 'rejected', 'failed'] as const
  context.print(
    `${'destination'.padEnd(width)}  ${'state'.padEnd(8)}${columns.map((name) => name.padStart(10)).join('')}`,
  )
  for (const { name, state, queue } of destinations) {
    const counts = columns.map((column) => String(queue[column]).padStart(10)).join('')
    context.print(`${name.padEnd(width)}  ${state.padEnd(8)}${counts}`)
  }
}

/** What waits for a person, a line each; the ids are ours, and GraphQL takes them. */
function printHolds({ obligationCounts: { undecided, waiting, held }, holds }: Status, context: CommandContext): void {
  if (undecided > 0) context.print(`not decided yet: ${undecided}`)
  if (waiting > 0) context.print(`waiting for an answer or a study: ${waiting}`)
  if (held > 0) context.print(`held for a person: ${held}`)
  for (const { reason, others, rule, instance } of holds.nodes) {
    const more = others === 0 ? '' : ` and ${others} more of its study`
    const by = rule === null ? '' : ` (${rule.name})`
    context.print(`  ${reason ?? 'no reason on record'}${by}: ${instance.id}${more}`)
  }
}
