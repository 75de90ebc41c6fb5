// serve, and what talks to the Kurir that it runs: status, token.

import { once } from 'node:events'
import { access, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { type SiteFolders, siteFolders, startApp } from '../support/app-in-process.ts'
import { ctInstance } from '../support/data-set.ts'
import { ask } from '../support/graphql-client.ts'
import { freePort } from '../support/processes.ts'
import { storeAll } from '../support/store-all.ts'
import { untilSettled } from '../support/until-settled.ts'
import { type CommandLine, commandLine } from './command-line.ts'

let stack: AsyncDisposableStack
let site: SiteFolders
let kurir: CommandLine

const RULES = `version: 1
destinations: { outbox: { folder: { path: ./out, layout: "{SOPInstanceUID}.dcm" } } }
rules: [ { name: everything, forward: [outbox] } ]
`

beforeEach(async () => {
  stack = new AsyncDisposableStack()
  site = stack.use(await siteFolders(RULES))
  kurir = commandLine(site.environment)
})
afterEach(async () => await stack.disposeAsync())

const inData = (name: string): string => path.join(site.dataDir, name)

/** `ready.json` is how anybody outside learns that the doors are open: all they can do is look. */
async function untilReady(): Promise<{ readonly dicomPort: number; readonly adminPort: number }> {
  for (;;) {
    const text = await readFile(inData('ready.json'), 'utf8').catch(() => '')
    if (text.endsWith('\n')) return JSON.parse(text)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

test('serve opens its doors, keeps its data to itself, and ends in order when it is told to', async () => {
  const served = kurir.run('serve')
  const ready = await untilReady()
  expect(Object.values(ready).every((number) => number > 0)).toBe(true)
  expect((await stat(site.dataDir)).mode & 0o777).toBe(0o700)
  expect((await stat(inData('admin-token'))).mode & 0o777).toBe(0o600)
  const second = await commandLine(site.environment).run('serve')
  expect([second.code, second.complaints]).toEqual([1, [`kurir serve: another Kurir is serving from ${site.dataDir}`]])
  expect((await commandLine(site.environment).run('status')).code).toBe(0)
  kurir.stop()
  expect(await served).toMatchObject({ code: 0, complaints: [] })
  await expect(access(inData('ready.json'))).rejects.toThrow('ENOENT')
})

test.each(['ADMIN', 'DICOM', 'HTTP'])(
  'serve that cannot have its %s port names what it was refused and the settings to look at',
  async (door) => {
    await using taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    const environment = { [`KURIR_${door}_HOST`]: '127.0.0.1', [`KURIR_${door}_PORT`]: String(port) }
    expect(await commandLine({ ...site.environment, ...environment }).run('serve')).toMatchObject({
      code: 1,
      complaints: [
        `kurir serve: listen EADDRINUSE: address already in use 127.0.0.1:${port}; see KURIR_${door}_HOST and KURIR_${door}_PORT`,
      ],
    })
  },
)

test('serve that cannot have its folder does as well', async () => {
  const environment = { ...site.environment, KURIR_DATA_DIR: path.join(site.rulesDir, '00.yaml') }
  const { code, complaints } = await commandLine(environment).run('serve')
  expect([code, complaints]).toEqual([1, [expect.stringMatching(/EEXIST.*00\.yaml.*; see KURIR_DATA_DIR$/)]])
})

test('serve reads the rules again when it is asked to', async () => {
  const served = kurir.run('serve')
  const { adminPort } = await untilReady()
  await site.write({ '00.yaml': RULES.replace('everything', 'all of it') })
  kurir.reload()
  const named = async (): Promise<string | undefined> => {
    const query = '{ ruleset { rules { name } } }'
    const { ruleset } = await ask<{ ruleset: { rules: { name: string }[] } }>(
      { adminPort, dataDir: site.dataDir },
      query,
    )
    return ruleset.rules[0]?.name
  }
  while ((await named()) !== 'all of it') await new Promise((resolve) => setTimeout(resolve, 10))
  kurir.stop()
  expect((await served).code).toBe(0)
})

test('serve that is told to stop before it began, and one whose rules do not load, end at once', async () => {
  await site.write({ '00.yaml': 'version: 1\nrulez: []\n' })
  const refused = await kurir.run('serve')
  expect([refused.code, refused.complaints[0]]).toEqual([1, expect.stringContaining('rules/00.yaml:2:1')])
  await site.write({ '00.yaml': RULES })
  kurir.stop()
  expect((await kurir.run('serve')).code).toBe(0)
})

test('status shows each destination with its queue, and what is wrong', async () => {
  stack.use(await startApp(site))
  const fine = await kurir.run('status')
  expect([fine.code, fine.complaints]).toEqual([0, []])
  expect(fine.printed).toEqual([
    expect.stringMatching(/^Kurir \d+\.\d+\.\d+ is ready; \d+\.\d GB free for the spool$/),
    'destination  state        ready   waiting   sending      held  rejected    failed',
    'outbox       UP               0         0         0         0         0         0',
  ])
})

test('status names what is held for a person, why, and by which rule', async () => {
  await site.write({ '00.yaml': 'version: 1\nrules: [ { name: all, hold: a person looks } ]\n' })
  const running = stack.use(await startApp(site))
  await storeAll(
    running.dicomPort,
    () => [ctInstance({ sizeBytes: 4_096 }).file],
    () => undefined,
  )
  await untilSettled(running)
  const { code, printed } = await kurir.run('status')
  expect(code).toBe(0)
  expect(printed.slice(2)).toEqual([
    'held for a person: 1',
    expect.stringMatching(/^ {2}a person looks \(all\): [A-Za-z0-9+/=]+$/),
  ])
})

test('a problem that status names is in its exit code', async () => {
  const cloud = `cloud: { dimse: { ae: "\${CLOUD_AE}" } }, outbox`
  await site.write({ '00.yaml': RULES.replace('outbox', cloud) })
  stack.use(await startApp(site))
  const { code, printed } = await kurir.run('status')
  expect([code, printed[1]]).toEqual([1, 'problem: Destination cloud needs CLOUD_AE, which is not set.'])
})

test('without a running Kurir status says so, whatever a dead one left behind', async () => {
  const none = `kurir status: no Kurir is running on ${site.dataDir}; start it with "npm start"`
  const complaints = async () => {
    const ran = await kurir.run('status')
    expect(ran.code).toBe(1)
    return ran.complaints
  }
  expect(await complaints()).toEqual([none])
  await mkdir(site.dataDir)
  // No process has this number: Linux ends at 2^22.
  for (const left of ['{"dicomPort":1,', '{}', 'null', '{"dicomPort":1,"adminPort":1,"pid":99999999}']) {
    await writeFile(inData('ready.json'), left)
    expect(await complaints()).toEqual([none])
  }
  // Its number is another process's by now: nobody is at the port.
  const adminPort = await freePort()
  await writeFile(inData('ready.json'), JSON.stringify({ dicomPort: 1, adminPort, pid: process.pid }))
  expect(await complaints()).toEqual([none])
  const created = await kurir.run('token', 'create', '--name', 'dashboard', '--role', 'VIEWER')
  expect([created.code, created.printed.length]).toEqual([0, 1])
})

test('a token that is not there, not known or not enough is said to be so, and what to do', async () => {
  stack.use(await startApp(site))
  const { printed } = await kurir.run('token', 'create', '--name', 'dashboard', '--role', 'VIEWER')
  const file = inData('admin-token')
  await rm(file)
  expect((await kurir.run('status')).complaints).toEqual([`kurir status: ${file} is not there to log in with`])
  await writeFile(file, 'wrong\n')
  expect((await kurir.run('status')).complaints).toEqual([
    `kurir status: the running Kurir does not know the token in ${file}; while it is stopped, "kurir token create --name NAME --role ADMIN,PHI_READER" makes one to put there`,
  ])
  await writeFile(file, `${printed[0]}\n`)
  expect((await kurir.run('status')).code).toBe(0)
  for (const words of [['list'], ['revoke', '--name', 'dashboard'], ['create', '--name', 'x', '--role', 'VIEWER']]) {
    expect(await kurir.run('token', ...words)).toMatchObject({
      code: 1,
      printed: [],
      complaints: [`kurir token: the token in ${file} does not suffice: this needs the role ADMIN`],
    })
  }
})

test('where no Kurir has ever run, tokens are neither listed nor revoked, and nothing is made', async () => {
  for (const words of [['list'], ['revoke', '--name', 'dashboard']]) {
    expect((await kurir.run('token', ...words)).complaints).toEqual([
      `kurir token: there is no ledger in ${site.dataDir}; KURIR_DATA_DIR names another folder`,
    ])
  }
  await expect(access(site.dataDir)).rejects.toThrow('ENOENT')
})

test('a token that is made before any Kurir has run says where it is known', async () => {
  const { code, printed, complaints } = await kurir.run('token', 'create', '--name', 'first', '--role', 'VIEWER')
  expect({ code, printed }).toEqual({ code: 0, printed: [expect.stringMatching(/^\S{43}$/)] })
  expect(complaints).toEqual([
    'This is the only time it is shown. first holds VIEWER.',
    `No Kurir has run on ${site.dataDir} yet: a ledger was made there. A Kurir on another KURIR_DATA_DIR does not know this token.`,
  ])
  const second = await kurir.run('token', 'create', '--name', 'second', '--role', 'VIEWER')
  expect(second.complaints).toEqual(['This is the only time it is shown. second holds VIEWER.'])
})

describeBoth('tokens are made, listed and revoked', async () => {
  const created = await kurir.run('token', 'create', '--name', 'dashboard', '--role', 'viewer,PHI_READER')
  expect(created).toMatchObject({
    code: 0,
    printed: [expect.stringMatching(/^[\w-]{43}$/)],
    complaints: expect.arrayContaining(['This is the only time it is shown. dashboard holds VIEWER, PHI_READER.']),
  })
  const again = await kurir.run('token', 'create', '--name', 'dashboard', '--role', 'VIEWER')
  expect([again.code, again.printed, again.complaints]).toEqual([
    1,
    [],
    ['kurir token: There is a token dashboard that works; revoke it first.'],
  ])
  expect((await kurir.run('token', 'list')).printed).toContain('dashboard  VIEWER, PHI_READER')
  expect(await kurir.run('token', 'revoke', '--name', 'dashboard')).toMatchObject({
    code: 0,
    printed: ['dashboard is revoked'],
  })
  expect((await kurir.run('token', 'list')).printed).toContainEqual(
    expect.stringMatching(/^dashboard {2}VIEWER, PHI_READER {2}revoked 2\d{3}-.*Z$/),
  )
  expect(await kurir.run('token', 'revoke', '--name', 'dashboard')).toMatchObject({
    code: 1,
    printed: [],
    complaints: ['kurir token: there is no token dashboard that works'],
  })
})

/** The same through a running Kurir and, when there is none, straight in the ledger. */
function describeBoth(title: string, body: () => Promise<void>): void {
  test(`${title}, while Kurir runs`, async () => {
    stack.use(await startApp(site))
    await body()
  })
  test(`${title}, while none runs`, body)
}

test('a token made before the first start does not stand in for the administrator’s', async () => {
  await kurir.run('token', 'create', '--name', 'admin', '--role', 'VIEWER')
  stack.use(await startApp(site))
  expect((await kurir.run('status')).code).toBe(0)
  expect((await kurir.run('token', 'list')).printed).toEqual(['admin  VIEWER', 'admin-2  ADMIN, PHI_READER'])
})

test('tokens that are asked for wrongly', async () => {
  const codes = [
    await kurir.run('token'),
    await kurir.run('token', 'create', '--role', 'VIEWER'),
    await kurir.run('token', 'create', '--name', 'x'),
    await kurir.run('token', 'create', '--name', 'x', '--role', 'KING'),
    await kurir.run('token', 'create', '--name', 'x', '--rolle', 'VIEWER'),
    await kurir.run('token', 'revoke'),
  ]
  expect(codes.map(({ code }) => code)).toEqual([2, 2, 2, 2, 2, 2])
  expect(codes[3]?.complaints[0]).toMatch(/--role takes VIEWER, OPERATOR/)
  expect((await kurir.run('token', 'create', '--name', 'a/b', '--role', 'VIEWER')).complaints[0]).toMatch(/letters/)
})
