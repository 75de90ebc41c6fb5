import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { startKurir } from '../support/processes.ts'
import { kurirFolders } from './folders.ts'
import type { Material } from './material.ts'
import { scratchDir } from './scratch.ts'

/** What a figure says when strace is there, or that it is not. */
export type FlushCount = { readonly value: number } | { readonly value: null; readonly missing: string }

/**
 * Runs Kurir under strace while `work` goes on and counts fsync and fdatasync calls from the moment its doors were open.
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
  const wrapper = ['strace', '-f', '-qq', '--seccomp-bpf', '-e', 'trace=fsync,fdatasync', '-o', log]
  try {
    await using kurir = await startKurir({ ...(await kurirFolders(dir.path, rules)), wrapper })
    const before = countLines(await readFile(log, 'utf8'))
    await work(kurir.dicomPort, kurir.adminPort, kurir.dataDir)
    const after = countLines(await readFile(log, 'utf8'))
    await kurir.stop()
    return { value: (after - before) / material.count }
  } catch (error) {
    if (error instanceof Error && error.message.includes('ENOENT')) return { value: null, missing: 'strace' }
    throw error
  }
}

const countLines = (log: string): number => log.split('\n').filter((line) => /\b(fsync|fdatasync)\(/.test(line)).length
