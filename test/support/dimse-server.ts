import { type Clock, ms, systemClock } from '../../src/base/clock.ts'
import { idsFrom } from '../../src/base/id.ts'
import type { Sink } from '../../src/base/sink.ts'
import type { RefusedAssociation } from '../../src/dimse/admission.ts'
import type { StoreReply, StoreRequest } from '../../src/dimse/handler.ts'
import { createDimseServer, type DimseServer, type DimseServerOptions } from '../../src/dimse/server.ts'

/** One object as the server's handler saw it. */
export interface Received {
  readonly request: StoreRequest
  readonly bytes: Buffer
}

/** A server that keeps what it receives in memory and writes down what happened. */
export interface RecordingServer extends AsyncDisposable {
  readonly server: DimseServer
  readonly port: number
  readonly received: Received[]
  /** Objects whose sink heard `abort`, and how many bytes had come. */
  readonly abandoned: number[]
  readonly refused: RefusedAssociation[]
  readonly closed: string[]
  /** Resolves when `closed` has that many lines. */
  untilClosed(count: number): Promise<void>
}

export interface RecordingOptions extends Partial<Omit<DimseServerOptions, 'events' | 'clock'>> {
  readonly clock?: Clock
  /** Waited for by every write, beside recording it. */
  readonly slow?: (slice: Uint8Array) => Promise<void> | undefined
  readonly open?: (request: StoreRequest) => Promise<StoreReply | undefined>
  readonly end?: () => Promise<StoreReply>
  /** False: bytes are only counted. */
  readonly keep?: boolean
}

export async function recordingServer(options: RecordingOptions = {}): Promise<RecordingServer> {
  const received: Received[] = []
  const abandoned: number[] = []
  const refused: RefusedAssociation[] = []
  const closed: string[] = []
  const watchers = new Set<() => void>()
  const sinkFor = (request: StoreRequest): Sink<StoreReply> => {
    const parts: Buffer[] = []
    let length = 0
    return {
      write: (slice) => {
        length += slice.length
        if (options.keep !== false) parts.push(Buffer.from(slice))
        return options.slow?.(slice)
      },
      end: async () => {
        received.push({ request, bytes: Buffer.concat(parts) })
        return (await options.end?.()) ?? { status: 0 }
      },
      abort: async () => void abandoned.push(length),
    }
  }
  const clock = options.clock ?? systemClock
  const server = createDimseServer({
    admit: () => ({ kind: 'accept' }),
    handlers: {
      stores: new Map(),
      storage: { open: async (request) => (await options.open?.(request)) ?? sinkFor(request) },
    },
    newId: idsFrom(clock),
    drain: ms(50),
    ...options,
    clock,
    events: {
      associationRefused: (each) => void refused.push(each),
      associationClosed: (_facts, end, detail) => {
        closed.push(`${end}: ${detail}`)
        for (const watcher of [...watchers]) watcher()
      },
    },
  })
  const port = await server.listen('127.0.0.1', 0)
  const untilClosed = async (count: number): Promise<void> => {
    while (closed.length < count) {
      const { promise, resolve } = Promise.withResolvers<void>()
      watchers.add(resolve)
      await promise
      watchers.delete(resolve)
    }
  }
  return {
    server,
    port,
    received,
    abandoned,
    refused,
    closed,
    untilClosed,
    [Symbol.asyncDispose]: () => server.stop(),
  }
}
