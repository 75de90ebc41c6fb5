import { workerData } from 'node:worker_threads'

// A thread that dies of the first thing it is asked.
workerData.port.on('message', () => {
  throw new Error('dying, as it should')
})
