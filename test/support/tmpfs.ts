// A small volume that runs full, where this process may mount one.
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Volume extends AsyncDisposable {
  readonly path: string
}

/** Whether this process may mount one. */
export async function mayMount(): Promise<boolean> {
  await using volume = mountTmpfs(4096)
  return volume !== undefined
}

/** Undefined where mounting is not permitted. */
export function mountTmpfs(sizeBytes: number): Volume | undefined {
  const path = join(tmpdir(), `kurir-volume-${process.pid}-${performance.now().toFixed(3)}`)
  mkdirSync(path)
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', path], { stdio: 'ignore' })
  if (mounted.status !== 0) {
    rmdirSync(path)
    return undefined
  }
  const unmount = async (): Promise<void> => {
    spawnSync('umount', ['-l', path], { stdio: 'ignore' })
    rmdirSync(path)
  }
  return { path, [Symbol.asyncDispose]: unmount }
}
