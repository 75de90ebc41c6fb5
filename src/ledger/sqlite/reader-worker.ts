import { workerData } from 'node:worker_threads'
import { connectReader } from './connection.ts'
import type { Call, ReaderStart } from './protocol.ts'
import { openReader } from './reader.ts'

// The thread that reads. Only messages are here; what it does is `reader.ts`.

const { file, port }: ReaderStart = workerData
const reader = openReader(connectReader(file))

port.on('message', (calls: readonly Call[]) => {
  for (const call of calls) {
    if (call.verb === 'close') {
      reader.close()
      port.close()
      return
    }
    port.postMessage(reader.run(call))
  }
})
