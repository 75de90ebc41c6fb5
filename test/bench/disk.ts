import { open } from 'node:fs/promises'
import path from 'node:path'
import type { Results } from './result.ts'
import { scratchDir } from './scratch.ts'
import { median } from './statistics.ts'

/** What one flush costs on this disk, so that the rates above can be read. */
export async function benchDisk(results: Results): Promise<void> {
  await using dir = await scratchDir('bench-disk')
  await using handle = await open(path.join(dir.path, 'probe'), 'w')
  const slice = Buffer.alloc(4096, 1)
  const took: number[] = []
  for (let index = 0; index < 200; index++) {
    await handle.write(slice)
    const started = performance.now()
    await handle.datasync()
    took.push(performance.now() - started)
  }
  results.add({ name: 'disk.fdatasync_p50_ms', value: median(took), unit: 'ms' })
}
