import { readSettings } from '../settings/settings.ts'
import type { Command } from './command.ts'
import { askRunning } from './running.ts'

const STATUS = `{
  health { ready version problems spoolFree }
  destinations { name kind state queue { ready waiting sending held rejected failed } }
}`

interface Status {
  readonly health: {
    readonly ready: boolean
    readonly version: string
    readonly problems: readonly string[]
    readonly spoolFree: number
  }
  readonly destinations: readonly {
    readonly name: string
    readonly kind: string
    readonly state: string
    readonly queue: Readonly<Record<'ready' | 'waiting' | 'sending' | 'held' | 'rejected' | 'failed', number>>
  }[]
}

/** Asks the running Kurir how it is; exit code 1 when it is not ready or has a problem. */
export const statusCommand: Command = {
  name: 'status',
  usage: '',
  sentence: 'how the running Kurir is: health, destinations, what waits where',
  async run(_args, context) {
    const settings = readSettings(context.environment)
    const { health, destinations } = (await askRunning(settings, STATUS)) as Status
    const free = (health.spoolFree / 2 ** 30).toFixed(1)
    context.print(`Kurir ${health.version} is ${health.ready ? 'ready' : 'not ready'}; ${free} GB free for the spool`)
    for (const problem of health.problems) context.print(`problem: ${problem}`)
    const width = Math.max(11, ...destinations.map((destination) => destination.name.length))
    const columns = ['ready', 'waiting', 'sending', 'held', 'rejected', 'failed'] as const
    context.print(
      `${'destination'.padEnd(width)}  ${'state'.padEnd(8)}${columns.map((name) => name.padStart(10)).join('')}`,
    )
    for (const { name, state, queue } of destinations) {
      const counts = columns.map((column) => String(queue[column]).padStart(10)).join('')
      context.print(`${name.padEnd(width)}  ${state.padEnd(8)}${counts}`)
    }
    return health.ready && health.problems.length === 0 ? 0 : 1
  },
}
