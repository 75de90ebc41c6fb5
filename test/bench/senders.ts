import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { quickPeerEnv } from '../support/processes.ts'

/** One storescu sends a folder over one association. Resolves with the seconds it took; rejects when one file failed. */
export async function sendFolder(folder: string, port: number, calledAe: string): Promise<number> {
  const started = performance.now()
  const child = spawn('storescu', ['-aet', 'BENCH', '-aec', calledAe, '+sd', '-R', '127.0.0.1', String(port), folder], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: quickPeerEnv,
  })
  let complaint = ''
  child.stderr.on('data', (chunk: Buffer) => {
    complaint += chunk.toString()
  })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`storescu to ${port} ended with ${code}: ${complaint.slice(0, 500)}`)
  return (performance.now() - started) / 1000
}

/** One storescu a folder, all at once. */
export async function sendFolders(folders: readonly string[], port: number, calledAe: string): Promise<number> {
  const started = performance.now()
  await Promise.all(folders.map((folder) => sendFolder(folder, port, calledAe)))
  return (performance.now() - started) / 1000
}
