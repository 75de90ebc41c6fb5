import { MessageChannel, type MessagePort, type TransferListItem, Worker } from 'node:worker_threads'
import { KurirError } from '../../base/failure.ts'
import type { Answer, Call, Failure } from './protocol.ts'

interface Pending {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: KurirError) => void
}

/** A thread that answers calls. Calls of one turn of the event loop travel in one message. */
export interface WorkerLine {
  call(verb: string, args: readonly unknown[], transfer?: readonly TransferListItem[]): Promise<unknown>
  answered(answer: Answer): void
  /** Lets what was called before finish, and waits for the thread to end. Later calls are refused. */
  close(): Promise<void>
  readonly worker: Worker
}

export interface LineOptions<Message> {
  readonly script: URL
  /** Handed to the thread beside its port. */
  readonly start: object
  /** Stamps a call. */
  readonly stamp: (verb: string, args: readonly unknown[], id: number) => Call
  readonly receive: (message: Message) => void
  /** After something was posted. */
  readonly posted?: () => void
}

const closed = (): KurirError => new KurirError('ledger-closed', 'transient', 'the ledger is closed')

/** Starts a thread and the line to it. */
export function openLine<Message>(options: LineOptions<Message>): WorkerLine {
  const { port1: port, port2 } = new MessageChannel()
  const worker = new Worker(options.script, {
    workerData: { ...options.start, port: port2 },
    transferList: [port2],
  })
  const pending = new Map<number, Pending>()
  const outgoing = postbox(port, options.posted ?? (() => undefined))
  let lastId = 0
  let refusal: KurirError | undefined

  const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
  function refuseAll(error: KurirError): void {
    refusal ??= error
    for (const { reject } of pending.values()) reject(error)
    pending.clear()
  }
  worker.once('exit', () => refuseAll(closed()))
  worker.on('error', (cause) =>
    refuseAll(new KurirError('internal', 'transient', 'a thread of the ledger died', { cause })),
  )
  port.on('message', options.receive)

  function post(verb: string, args: readonly unknown[], transfer: readonly TransferListItem[]): number {
    lastId += 1
    outgoing(options.stamp(verb, args, lastId), transfer)
    return lastId
  }

  return {
    worker,
    call(verb, args, transfer = []) {
      if (refusal !== undefined) return Promise.reject(refusal)
      return new Promise((resolve, reject) => {
        pending.set(post(verb, args, transfer), { resolve, reject })
      })
    },
    answered(answer) {
      const waiting = pending.get(answer.id)
      pending.delete(answer.id)
      if (answer.ok) waiting?.resolve(answer.value)
      else waiting?.reject(failureOf(answer.failure))
    },
    async close() {
      if (refusal === undefined) {
        refusal = closed()
        post('close', [], [])
      }
      await ended
      port.close()
    },
  }
}

export const failureOf = ({ code, retry, message }: Failure): KurirError => new KurirError(code, retry, message)

function postbox(port: MessagePort, posted: () => void): (call: Call, transfer: readonly TransferListItem[]) => void {
  let calls: Call[] = []
  let transfers: TransferListItem[] = []
  const flush = (): void => {
    const [message, list] = [calls, transfers]
    calls = []
    transfers = []
    port.postMessage(message, list)
    posted()
  }
  return (call, transfer) => {
    if (calls.length === 0) queueMicrotask(flush)
    calls.push(call)
    transfers.push(...transfer)
  }
}
