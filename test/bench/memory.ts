import { open, readFile } from 'node:fs/promises'
import path from 'node:path'
import { ctInstance } from '../support/data-set.ts'
import { startKurir, startStorescp } from '../support/processes.ts'
import { kurirFolders } from './folders.ts'
import { untilArrived } from './forward.ts'
import { forwardRules } from './material.ts'
import type { Results } from './result.ts'
import { scratchDir } from './scratch.ts'
import { sendFolder } from './senders.ts'

/** How much memory a huge instance takes while it is received and forwarded. */
export async function benchMemory(sizeBytes: number, results: Results): Promise<void> {
  await using material = await scratchDir('bench-huge')
  await using warm = await scratchDir('bench-warm')
  await writeHuge(path.join(material.path, 'huge.dcm'), sizeBytes)
  await writeHuge(path.join(warm.path, 'warm.dcm'), 8 * 2 ** 20)
  await using dir = await scratchDir('bench-archive')
  await using archive = await startStorescp(dir.path)
  await using home = await scratchDir('bench-kurir')
  await using kurir = await startKurir(await kurirFolders(home.path, forwardRules(archive.port, 1)))
  await sendFolder(warm.path, kurir.dicomPort, 'KURIR')
  await untilArrived(dir.path, 1)
  const before = await residentMb(kurir.child.pid, 'VmHWM')
  await sendFolder(material.path, kurir.dicomPort, 'KURIR')
  await untilArrived(dir.path, 2)
  const after = await residentMb(kurir.child.pid, 'VmHWM')
  results.add({ name: 'memory.rss_growth_mb', value: after - before, unit: 'MB', target: { atMost: 100 } })
  results.add({ name: 'memory.instance_mb', value: sizeBytes / 2 ** 20, unit: 'MB' })
}

/** The header of a small CT with pixel data stretched to `sizeBytes`: zeros, which the file system need not even hold. */
export async function writeHuge(file: string, sizeBytes: number): Promise<void> {
  const small = ctInstance({ instanceNumber: sizeBytes % 100_000, sizeBytes: 1024 }).file
  const length = small.length - 1024
  const head = Buffer.from(small.subarray(0, length))
  head.writeUInt32LE(sizeBytes, length - 4)
  await using handle = await open(file, 'w')
  await handle.write(head)
  await handle.truncate(length + sizeBytes)
}

/** In MB, as the kernel counts it. */
export async function residentMb(pid: number | undefined, what: 'VmHWM' | 'VmRSS'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const match = new RegExp(`${what}:\\s+(\\d+) kB`).exec(status)
  return Number(match?.[1]) / 1024
}
