import { workerData } from 'node:worker_threads'
import { connectReader } from './connection.ts'
import type { Call, ReaderStart } from './protocol.ts'
import { openReader, type Reader } from './reader.ts'

// The thread that reads. Only messages are here; what it does is `reader.ts`.

const { file, port }: ReaderStart = workerData
// Opened by the first call: this thread starts beside the writer's, which may still have to make the database.
let reader: Reader | undefined

port.on('message', (calls: readonly Call[]) => {
  for (const call of calls) {
    if (call.verb === 'close') {
      reader?.close()
      port.close()
      return
    }
    reader ??= openReader(connectReader(file))
    port.postMessage(reader.run(call))
  }
})
