// Loaded before a Kurir (`--import`): the thread that reads its ledger dies when a file `die` is put beside the database.
import { watch } from 'node:fs'
import { dirname } from 'node:path'
import { isMainThread, workerData } from 'node:worker_threads'

const isReader = !isMainThread && typeof workerData?.file === 'string' && workerData.signals === undefined
if (isReader) {
  watch(dirname(workerData.file), (_event, name) => {
    if (name === 'die') throw new Error('dying, as it should')
  }).unref()
}
