import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { startKurir } from '../support/processes.ts'
import { storeAll } from '../support/store-all.ts'
import { kurirFolders } from './folders.ts'
import { DISCARD_RULES, type Material } from './material.ts'
import type { Results } from './result.ts'
import { scratchDir } from './scratch.ts'
import { percentile } from './statistics.ts'

/** From the first byte of a C-STORE until its answer, on one association, and how late the event loop was meanwhile. */
export async function benchLatency(material: Material, results: Results): Promise<void> {
  const files: Buffer[] = []
  for (const name of await readdir(material.all)) files.push(await readFile(path.join(material.all, name)))
  await using dir = await scratchDir('bench-latency')
  await using kurir = await startKurir(await kurirFolders(dir.path, DISCARD_RULES))
  await eventLoopDelay(kurir)
  const idle = await eventLoopDelay(kurir, 1_000)
  const took: number[] = []
  let startedAt = 0
  await storeAll(
    kurir.dicomPort,
    function* () {
      for (const file of files) {
        startedAt = performance.now()
        yield file
      }
    },
    () => took.push(performance.now() - startedAt),
  )
  const busy = await eventLoopDelay(kurir)
  results.add({ name: 'latency.store_rsp_p50_ms', value: percentile(took, 0.5), unit: 'ms' })
  results.add({ name: 'latency.store_rsp_p99_ms', value: percentile(took, 0.99), unit: 'ms' })
  results.add({ name: 'latency.event_loop_p999_ms', value: Math.max(0, busy - idle), unit: 'ms' })
}

/** The 99.9th percentile in milliseconds since it was asked last, after `waitMs` more. */
async function eventLoopDelay(
  kurir: { readonly adminPort: number; readonly dataDir: string },
  waitMs = 0,
): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, waitMs))
  const token = await readFile(path.join(kurir.dataDir, 'admin-token'), 'utf8')
  const response = await fetch(`http://127.0.0.1:${kurir.adminPort}/metrics`, {
    headers: { authorization: `Bearer ${token.trim()}` },
  })
  const match = /kurir_event_loop_delay_seconds\{quantile="0\.999"\} (\S+)/.exec(await response.text())
  return Number(match?.[1]) * 1000
}
