import fs from 'node:fs'
import { type MessagePort, workerData } from 'node:worker_threads'
import type { TrayFilled, TrayOrder } from './tray-order.ts'

// The thread that makes tray files. Calls are looked up on `fs` each time, as in `file-io.ts`.

const port: MessagePort = workerData

port.on('message', (order: TrayOrder) => {
  const made: number[] = []
  try {
    for (const path of order.paths) made.push(fs.openSync(path, order.flags, 0o600))
    port.postMessage({ fds: made } satisfies TrayFilled)
  } catch (error) {
    takeBack(order.paths, made)
    const errno = error instanceof Error && 'code' in error ? String(error.code) : 'EIO'
    port.postMessage({ errno } satisfies TrayFilled)
  }
})

function takeBack(paths: readonly string[], made: readonly number[]): void {
  for (const [place, fd] of made.entries()) {
    try {
      fs.closeSync(fd)
      fs.unlinkSync(paths[place] ?? '')
    } catch {
      // It stays; recovery judges it at the next start.
    }
  }
}
