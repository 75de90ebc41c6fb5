import { execFile } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { lstat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from '@jest/globals'
import { takeFile } from '../../src/ingest/folder-door-take.ts'
import { Part10Reception } from '../../src/ingest/part10-reception.ts'
import { testWithPeers } from '../support/peers.ts'
import { temporaryDir } from '../support/processes.ts'

const run = promisify(execFile)
const limit = (most: string) => run('prlimit', ['--pid', String(process.pid), `--nofile=${most}:`])

/** Everything that may be open is, while the work is done. */
async function withoutDescriptors<Result>(work: () => Promise<Result>): Promise<Result> {
  const { stdout } = await run('prlimit', ['--pid', String(process.pid), '--nofile', '--noheadings', '-o', 'SOFT'])
  await limit('512')
  const open: number[] = []
  try {
    for (;;) open.push(openSync('/dev/null', 'r'))
  } catch {
    return await work()
  } finally {
    for (const fd of open) closeSync(fd)
    await limit(stdout.trim())
  }
}

testWithPeers(['prlimit'], 'a file is not unreadable because we may open no more of them: it waits', async () => {
  await using dir = await temporaryDir('take')
  const path = join(dir.path, 'a.dcm')
  await writeFile(path, 'DICM')
  const file = { path, steps: ['a.dcm'], stats: await lstat(path) }
  const reception = new Part10Reception({
    spool: { begin: () => Promise.reject(new Error('nothing is to be stored')) },
    arrival: () => {
      throw new Error('nothing is to be stored')
    },
  })
  await withoutDescriptors(() => expect(takeFile(file, dir.path, reception)).rejects.toMatchObject({ code: 'EMFILE' }))
  expect(await takeFile(file, dir.path, reception)).toEqual({ kind: 'refused', reason: 'not-dicom' })
})
