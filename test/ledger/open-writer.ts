import { join } from 'node:path'
import { type Instant, instant } from '../../src/base/clock.ts'
import { type Connection, connectWriter } from '../../src/ledger/sqlite/connection.ts'
import type { Answer, BatchAnswer, Call, WriterVerb, WriterVerbs } from '../../src/ledger/sqlite/protocol.ts'
import { openReader, type Reader } from '../../src/ledger/sqlite/reader.ts'
import { openWriter, type Writer } from '../../src/ledger/sqlite/writer.ts'
import { emptyDatabase, scratchDirectory } from './open-ledger.ts'
import { START } from './sample.ts'

/** The writing and the reading half in this thread, where a test can look inside. */
export interface OpenedWriter extends Disposable {
  readonly db: Connection
  readonly file: string
  readonly writer: Writer
  readonly reader: Reader
  at: Instant
  call<Name extends WriterVerb>(verb: Name, ...args: Parameters<WriterVerbs[Name]>): Call
  /** Runs one batch. */
  run(...calls: readonly Call[]): BatchAnswer
  /** Runs one verb and gives its value. */
  do<Name extends WriterVerb>(verb: Name, ...args: Parameters<WriterVerbs[Name]>): ReturnType<WriterVerbs[Name]>
}

export async function openWriterHere(): Promise<OpenedWriter> {
  const directory = scratchDirectory()
  const file = join(directory.path, 'kurir.db')
  emptyDatabase(file)
  const db = connectWriter(file)
  const writer = openWriter(db, { node: 'n1', duplicateWindowMs: 600_000 })
  const reader = openReader(connectWriter(file))
  let lastId = 0
  const opened: OpenedWriter = {
    db,
    file,
    writer,
    reader,
    at: instant(START),
    call: (verb, ...args) => ({ id: ++lastId, verb, args, at: opened.at }),
    run: (...calls) => writer.run(calls),
    do: (verb, ...args) => answerOf(writer.run([opened.call(verb, ...args)]).answers[0]),
    [Symbol.dispose]() {
      reader.close()
      writer.close()
      directory[Symbol.dispose]()
    },
  }
  return opened
}

/** The value of an answer, or a failed test. */
export function answerOf<Value>(answer: Answer | undefined): Value {
  if (answer?.ok !== true) throw new Error(`the verb failed: ${JSON.stringify(answer)}`)
  return answer.value as Value
}
