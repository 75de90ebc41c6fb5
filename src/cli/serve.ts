import { createApp } from '../app.ts'
import { createLog } from '../base/log.ts'
import { readSettings } from '../settings/settings.ts'
import type { Command } from './command.ts'
import { optionsAlone } from './options.ts'

/** Runs Kurir until it is told to stop; exit code 0 after an orderly stop, 1 where it could not go on. */
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
    if (!context.signal.aborted) await Promise.race([stopped(context.signal), app.broken])
    log.info('stopping')
    return context.signal.aborted ? 0 : 1
  },
}

const stopped = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
