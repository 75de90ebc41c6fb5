import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { KurirError } from '../base/failure.ts'
import { diskFailure } from './file-io.ts'
import type { TrayFilled, TrayOrder } from './tray-order.ts'

/**
 * Makes files on a thread of its own, a whole filling at a time: opening a file takes longer to hand to another thread than
 * to do, and a disk that is slow to make one holds up no sender. The thread begins with the first order.
 */
export class TrayMaker {
  #thread: { readonly worker: Worker; readonly port: MessagePort } | undefined
  #waiting: PromiseWithResolvers<readonly number[]> | undefined

  /**
   * One order at a time.
   *
   * @throws KurirError `disk-full`, `disk-io`, `out-of-resources`
   */
  make(order: TrayOrder): Promise<readonly number[]> {
    this.#waiting = Promise.withResolvers()
    this.#started().postMessage(order)
    return this.#waiting.promise
  }

  /** Lets the thread end, when nothing is being made. */
  async close(): Promise<void> {
    const thread = this.#thread
    this.#thread = undefined
    if (thread === undefined) return
    thread.port.close()
    await new Promise((resolve) => thread.worker.once('exit', resolve))
  }

  #started(): MessagePort {
    if (this.#thread !== undefined) return this.#thread.port
    const { port1: port, port2 } = new MessageChannel()
    const worker = new Worker(new URL('./tray-worker.ts', import.meta.url), {
      workerData: port2,
      transferList: [port2],
      // What it opens is ours: it must outlive the thread.
      trackUnmanagedFds: false,
    })
    worker.on('error', (cause) => {
      this.#thread = undefined
      this.#waiting?.reject(new KurirError('internal', 'transient', 'the thread that makes files died', { cause }))
    })
    port.on('message', (filled: TrayFilled) => {
      if ('fds' in filled) this.#waiting?.resolve(filled.fds)
      else this.#waiting?.reject(diskFailure(Object.assign(new Error(filled.errno), { code: filled.errno })))
    })
    this.#thread = { worker, port }
    return port
  }
}
