import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../base/clock.ts'
import { connectWriter, refuseDamaged } from './connection.ts'
import { type GatherPort, gathering, SIGNALS } from './gather.ts'
import { migrateLedger } from './migrate.ts'
import type { Answer, Call, Failure, FromWriter, WriterStart } from './protocol.ts'
import { failureFrom } from './sqlite-failure.ts'
import { mendClock } from './time-mark.ts'
import { openWriter, type Writer } from './writer.ts'

// The thread that writes. Only threads and messages are here; what it does is `writer.ts` and `gather.ts`.

const start: WriterStart = workerData
const port: MessagePort = start.port
const signals = new Int32Array(start.signals)
const say = (message: FromWriter): void => port.postMessage(message)

/** Asking for the log's size is cheap, but not as cheap as a commit. */
const LOOK_EVERY = 64

function open(): Writer | undefined {
  try {
    const db = connectWriter(start.file)
    refuseDamaged(db)
    migrateLedger(db, start.file, start.migrations)
    mendClock(db, start.at)
    const writer = openWriter(db, start)
    say({ kind: 'opened' })
    return writer
  } catch (error) {
    say({ kind: 'failed', failure: failureFrom(error) })
    port.close()
    return undefined
  }
}

function serve(writer: Writer): void {
  let waiting: Call[] = []
  let closing = false
  let checkpoints = 0
  let walBytes = 0
  let untended = 0
  let seen = 0

  function receive(message: Call): void {
    if (message.verb === 'close') closing = true
    waiting.push(message)
  }
  const arrivals: GatherPort = {
    drain() {
      seen = Atomics.load(signals, SIGNALS.posted)
      for (let each = receiveMessageOnPort(port); each !== undefined; each = receiveMessageOnPort(port)) {
        for (const call of each.message) receive(call)
      }
      const drained = waiting
      waiting = []
      return drained
    },
    expected: () => (closing ? 0 : Atomics.load(signals, SIGNALS.expected)),
    wait: (atMostMs) => {
      Atomics.wait(signals, SIGNALS.posted, seen, atMostMs)
    },
    now: () => systemClock.monotonic(),
  }

  const gather = gathering(arrivals, start.gatherWindowMs)

  /** A checkpoint that fails loses nothing: the log keeps everything until one succeeds. */
  function fold(asked: boolean): { readonly ok: true } | { readonly ok: false; readonly failure: Failure } {
    try {
      walBytes = writer.walBytes()
      // The thread for it is behind, or could not: better that senders wait than that the log grows without end.
      if (!asked && walBytes < 2 * start.walLimitBytes) return { ok: true }
      writer.checkpoint('PASSIVE')
      checkpoints += 1
      return { ok: true }
    } catch (error) {
      return { ok: false, failure: failureFrom(error) }
    }
  }

  /** Checkpoints are neither verbs nor part of a transaction: they run between two. */
  function tend(asked: readonly Call[]): void {
    writer.tend()
    untended += 1
    if (asked.length === 0 && untended < LOOK_EVERY) return
    untended = 0
    const answer = fold(asked.length > 0)
    const answers = asked.map(
      ({ id }): Answer => (answer.ok ? { id, ok: true, value: { walBytes } } : { id, ...answer }),
    )
    say({ kind: 'batch', checkpoints, walBytes, answers, wakes: [], commit: 'none' })
  }

  port.on('message', (calls: readonly Call[]) => {
    for (const call of calls) receive(call)
    const asked: Call[] = []
    const groups = verbsOf(gather(), asked)
    const first = groups.next()
    if (!first.done) say({ kind: 'batch', checkpoints, walBytes, ...writer.run(first.value, groups) })
    tend(asked)
    if (!closing) return
    try {
      writer.checkpoint('TRUNCATE')
    } catch {
      // What is in the log is durable there; the next start reads it from it.
    }
    writer.close()
    port.close()
  })
}

/** The verbs alone, group by group; checkpoints that are asked for between them are put aside. */
function* verbsOf(groups: Iterable<readonly Call[]>, checkpoints: Call[]): Generator<readonly Call[]> {
  for (const calls of groups) {
    checkpoints.push(...calls.filter(({ verb }) => verb === 'checkpoint'))
    const verbs = calls.filter(({ verb }) => verb !== 'checkpoint' && verb !== 'close')
    if (verbs.length > 0) yield verbs
  }
}

const writer = open()
if (writer !== undefined) serve(writer)
