import { workerData } from 'node:worker_threads'
import { connectCheckpointer } from './connection.ts'
import type { Answer, Call, ReaderStart } from './protocol.ts'
import { failureFrom } from './sqlite-failure.ts'

// The thread that copies the write-ahead log back into the database while the writer goes on: no sender waits for it.

const { file, port }: ReaderStart = workerData
let db: ReturnType<typeof connectCheckpointer> | undefined

function fold(id: number): Answer {
  try {
    db ??= connectCheckpointer(file)
    db.pragma('wal_checkpoint(PASSIVE)')
    return { id, ok: true, value: undefined }
  } catch (error) {
    return { id, ok: false, failure: failureFrom(error) }
  }
}

port.on('message', (calls: readonly Call[]) => {
  for (const { id, verb } of calls) {
    if (verb === 'close') {
      db?.close()
      port.close()
      return
    }
    port.postMessage(fold(id))
  }
})
