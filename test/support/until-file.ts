import { once } from 'node:events'
import { existsSync, watch } from 'node:fs'
import { dirname } from 'node:path'

/** Resolves with the path once something stands there; the folder above it may still have to be made. */
export async function untilFile(path: string): Promise<string> {
  while (!existsSync(path)) {
    let above = dirname(path)
    while (!existsSync(above)) above = dirname(above)
    const watcher = watch(above)
    try {
      // What was put there between the look and the watch is not told.
      const waiting = once(watcher, 'change')
      if (!existsSync(path) && above === dirname(path)) await waiting
      else if (!existsSync(path)) await Promise.race([waiting, new Promise((resolve) => setTimeout(resolve, 50))])
    } finally {
      watcher.close()
    }
  }
  return path
}
