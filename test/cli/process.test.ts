// The same commands as processes of their own: their streams, their signals, their exit codes.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { siteFolders } from '../support/app-in-process.ts'
import { ctInstance } from '../support/data-set.ts'
import { end, repositoryDir, startKurir } from '../support/processes.ts'
import { storeAll } from '../support/store-all.ts'
import { untilFile } from '../support/until-file.ts'

const RULES = 'version: 1\nrules: [ { name: nothing, discard: as the test says } ]\n'

test('SIGHUP has the rules read again and ends nothing; SIGTERM ends in order', async () => {
  await using site = await siteFolders(RULES)
  await mkdir(site.dataDir)
  await using kurir = await startKurir({ ...site, environment: { KURIR_LOG_LEVEL: 'info' } })
  await site.write({ '00.yaml': 'version: 1\nrulez: []\n' })
  kurir.child.kill('SIGHUP')
  expect(await kurir.logged('ruleset-refused')).toMatchObject({ file: 'rules/00.yaml', line: 2 })
  expect(await kurir.stop()).toBe(0)
  expect(kurir.lines.at(-1)).toMatchObject({ event: 'stopped' })
  expect(kurir.complaints).toEqual([])
})

test('what is printed goes to stdout, what is wrong to stderr, and the exit code says which it was', async () => {
  await using site = await siteFolders(RULES)
  const run = (...args: readonly string[]) => {
    const command = [path.join(repositoryDir, 'src/main.ts'), ...args]
    const { status, stdout, stderr } = spawnSync(process.execPath, command, {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '', ...site.environment },
    })
    return { status, stdout, stderr }
  }
  expect(run('check')).toEqual({ status: 0, stdout: '1 file, 1 rule, 0 destinations: no problem.\n', stderr: '' })
  expect(run('echo', 'nowhere')).toMatchObject({ status: 1, stdout: '' })
  expect(run('fly').stderr).toMatch(/^kurir fly: there is no such command\nusage: kurir COMMAND\n/)
})

test('a reader that has seen enough, as head has, is no failure', async () => {
  await using site = await siteFolders(RULES)
  const child = spawn(process.execPath, [path.join(repositoryDir, 'src/main.ts'), 'settings'], {
    env: { ...process.env, NODE_OPTIONS: '', ...site.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.stdout.destroy()
  const complaints: Buffer[] = []
  child.stderr.on('data', (slice) => complaints.push(slice))
  expect(await once(child, 'close')).toEqual([0, null])
  expect(Buffer.concat(complaints).toString()).toBe('')
})

test('what cannot be printed is a failure of a command', async () => {
  await using site = await siteFolders(RULES)
  const full = openSync('/dev/full', 'w')
  const { status, stderr } = spawnSync(process.execPath, [path.join(repositoryDir, 'src/main.ts'), 'settings'], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '', ...site.environment },
    stdio: ['ignore', full, 'pipe'],
  })
  closeSync(full)
  expect({ status, stderr }).toEqual({
    status: 74,
    stderr: expect.stringMatching(/^kurir: what it says cannot be written: ENOSPC: [^\n]*\n$/),
  })
})

test('a disk that is full under its log keeps Kurir neither from its work nor from its end', async () => {
  await using site = await siteFolders(RULES)
  const full = openSync('/dev/full', 'w')
  const child = spawn(process.execPath, [path.join(repositoryDir, 'src/main.ts'), 'serve'], {
    env: { ...process.env, NODE_OPTIONS: '', ...site.environment, KURIR_LOG_LEVEL: 'debug' },
    stdio: ['ignore', full, 'inherit'],
  })
  await using ending = new AsyncDisposableStack()
  ending.defer(() => end(child))
  closeSync(full)
  const ended = once(child, 'exit')
  const ready = path.join(site.dataDir, 'ready.json')
  await untilFile(ready)
  const { dicomPort } = JSON.parse(await readFile(ready, 'utf8'))
  const statuses: number[] = []
  const files = [1, 2, 3].map((instanceNumber) => ctInstance({ instanceNumber, sizeBytes: 4_096 }).file)
  await storeAll(
    dicomPort,
    () => files,
    (_file, status) => statuses.push(status),
  )
  child.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
  expect(statuses).toEqual([0, 0, 0])
})
