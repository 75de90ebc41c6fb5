import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { startKurir } from '../support/processes.ts'
import { readStraceLog } from '../support/strace-log.ts'
import { kurirFolders } from './folders.ts'
import type { Material } from './material.ts'
import { scratchDir } from './scratch.ts'

/** What a figure says when strace is there, or that it is not. */
export type FlushCount = { readonly value: number } | { readonly value: null; readonly missing: string }

/**
 * Runs Kurir under strace while `work` goes on and counts fsync and fdatasync calls, and writes that are their own flush
 * (O_DSYNC), from the moment its doors were open.
 * Starting up flushes too (the tray, the ledger's migrations) but once, not per object.
 *
 * @param work resolves when all is done that should be counted
 */
export async function countFlushes(
  material: Material,
  rules: string,
  work: (port: number, adminPort: number, dataDir: string) => Promise<unknown>,
): Promise<FlushCount> {
  await using dir = await scratchDir('bench-flushes')
  const log = path.join(dir.path, 'strace.log')
  const wrapper = [
    'strace',
    '-f',
    '-qq',
    '--seccomp-bpf',
    '-e',
    'trace=fsync,fdatasync,openat,pwrite64',
    '-s',
    '0',
    '-o',
    log,
  ]
  try {
    await using kurir = await startKurir({ ...(await kurirFolders(dir.path, rules)), wrapper })
    const before = flushesIn(await readFile(log, 'utf8'))
    await work(kurir.dicomPort, kurir.adminPort, kurir.dataDir)
    const after = flushesIn(await readFile(log, 'utf8'))
    await kurir.stop()
    return { value: (after - before) / material.count }
  } catch (error) {
    if (error instanceof Error && error.message.includes('ENOENT')) return { value: null, missing: 'strace' }
    throw error
  }
}

function flushesIn(log: string): number {
  const flushing = new Set<string>()
  let count = 0
  for (const { name, args } of readStraceLog(log)) {
    if (name === 'openat') {
      const fd = /= (\d+)$/.exec(args)?.[1] ?? ''
      if (args.includes('O_DSYNC')) flushing.add(fd)
      else flushing.delete(fd)
    } else if (name !== 'pwrite64' || flushing.has(/^\d+/.exec(args)?.[0] ?? '')) count += 1
  }
  return count
}
