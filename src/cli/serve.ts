import { createApp } from '../app.ts'
import { createLog } from '../base/log.ts'
import { readSettings } from '../settings/settings.ts'
import type { Command } from './command.ts'
import { optionsAlone } from './options.ts'

/** Runs Kurir until it is told to stop; exit code 0 after an orderly stop. */
export const serveCommand: Command = {
  name: 'serve',
  usage: '',
  sentence: 'run Kurir until it is told to stop',
  async run(args, context) {
    optionsAlone(args, {})
    const settings = readSettings(context.environment)
    const log = createLog(settings.logLevel, process.stdout.isTTY)
    await using app = await createApp({ settings, environment: context.environment, log })
    context.onReload(() => app.reload())
    if (!context.signal.aborted) await app.start()
    if (!context.signal.aborted) await stopped(context.signal)
    log.info('stopping')
    return 0
  },
}

const stopped = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
