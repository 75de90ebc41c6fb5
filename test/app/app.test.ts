import { access, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { createApp } from '../../src/app.ts'
import { silentLog } from '../../src/base/log.ts'
import { readSettings } from '../../src/settings/settings.ts'
import { type SiteFolders, siteFolders, startApp } from '../support/app-in-process.ts'
import { ctInstance } from '../support/data-set.ts'
import { dataSetOf } from '../support/data-set-bytes.ts'
import { freePort } from '../support/processes.ts'
import { storeAll } from '../support/store-all.ts'
import { untilSettled } from '../support/until-settled.ts'

let stack: AsyncDisposableStack

beforeEach(() => {
  stack = new AsyncDisposableStack()
})
afterEach(async () => await stack.disposeAsync())

const toFolder = (home: string, more = '', forward = '[outbox]'): string => `version: 1
destinations:
  outbox: { folder: { path: "${home}/outbox", layout: "{SOPInstanceUID}.dcm" } }
${more}rules:
  - name: everything
    forward: ${forward}
`

async function site(rules: (home: string) => string, environment: Record<string, string> = {}): Promise<SiteFolders> {
  const folders = stack.use(await siteFolders('version: 1\n', environment))
  await folders.write({ '00.yaml': rules(folders.home) })
  return folders
}

const instance = (instanceNumber: number) => ctInstance({ instanceNumber, sizeBytes: 20_000 })

async function store(port: number, ...files: readonly Buffer[]): Promise<readonly number[]> {
  const statuses: number[] = []
  await storeAll(
    port,
    () => files,
    (_file, status) => statuses.push(status),
  )
  return statuses
}

const metricsOf = async (running: { readonly adminPort: number; readonly dataDir: string }): Promise<string[]> => {
  const token = (await readFile(path.join(running.dataDir, 'admin-token'), 'utf8')).trim()
  const headers = { authorization: `Bearer ${token}` }
  return (await (await fetch(`http://127.0.0.1:${running.adminPort}/metrics`, { headers })).text()).split('\n')
}

const RELOAD = `mutation { did: rulesetReload { __typename
  ... on RulesetReloadSuccess { ruleset { digest files rules { name destinations { name } } } }
  ... on RulesetRefused { problems { file message } } } }`

interface Reloaded {
  readonly did: {
    readonly __typename: string
    readonly ruleset?: { readonly files: readonly string[]; readonly rules: readonly unknown[] }
    readonly problems?: readonly { readonly file: string; readonly message: string }[]
  }
}

test('an instance reaches its folder as it was sent, and the metrics have counted it', async () => {
  const folders = await site(toFolder)
  const kurir = stack.use(await startApp(folders))
  expect(JSON.parse(await readFile(path.join(folders.dataDir, 'ready.json'), 'utf8'))).toEqual({
    dicomPort: kurir.dicomPort,
    httpPort: kurir.httpPort,
    adminPort: kurir.adminPort,
    pid: process.pid,
  })
  const made = instance(1)
  expect(await store(kurir.dicomPort, made.file)).toEqual([0])
  await untilSettled(kurir)
  const arrived = await readFile(path.join(folders.home, 'outbox', `${made.sopInstanceUid}.dcm`))
  expect(dataSetOf(arrived).equals(made.dataSet)).toBe(true)
  const lines = await metricsOf(kurir)
  for (const line of [
    'kurir_instances_admitted_total{door="DIMSE"} 1',
    `kurir_admitted_bytes_total{door="DIMSE"} ${made.dataSet.length}`,
    'kurir_attempts_total{destination="outbox",outcome="DELIVERED"} 1',
    'kurir_obligations{state="DELIVERED"} 1',
  ]) {
    expect(lines).toContain(line)
  }
  await kurir[Symbol.asyncDispose]()
  await expect(access(path.join(folders.dataDir, 'ready.json'))).rejects.toThrow('ENOENT')
  expect((await stat(folders.dataDir)).mode & 0o777).toBe(0o700)
  expect(kurir.log.lines.at(-1)?.event).toBe('stopped')
})

test('a destination that comes into the rules is served at once', async () => {
  const folders = await site(toFolder)
  const kurir = stack.use(await startApp(folders))
  const second = `  second: { folder: { path: "${folders.home}/second", layout: "{SOPInstanceUID}.dcm" } }\n`
  await folders.write({
    '00.yaml': toFolder(folders.home, second, '[outbox, second]'),
    '10.yaml': 'version: 1\nrules: [ { name: nothing, match: { Modality: XX }, forward: [second] } ]\n',
  })
  const { did } = await kurir.ask<Reloaded>(RELOAD)
  expect(did).toMatchObject({
    __typename: 'RulesetReloadSuccess',
    ruleset: {
      files: ['rules/00.yaml', 'rules/10.yaml'],
      rules: [
        { name: 'everything', destinations: [{ name: 'outbox' }, { name: 'second' }] },
        { name: 'nothing', destinations: [{ name: 'second' }] },
      ],
    },
  })
  const made = instance(2)
  expect(await store(kurir.dicomPort, made.file)).toEqual([0])
  await untilSettled(kurir)
  for (const name of ['outbox', 'second']) {
    expect(await readdir(path.join(folders.home, name))).toEqual([`${made.sopInstanceUid}.dcm`])
  }
})

test('a destination that is still owed something cannot leave the rules', async () => {
  const dead = `  dead: { dimse: { ae: "DEAD@127.0.0.1:${await freePort()}" } }\n`
  const folders = await site((home) => toFolder(home, dead, '[dead]'))
  const kurir = stack.use(await startApp(folders))
  expect(await store(kurir.dicomPort, instance(3).file)).toEqual([0])
  await kurir.log.line('destination-down')
  await folders.write({ '00.yaml': toFolder(folders.home) })
  const refused = (await kurir.ask<Reloaded>(RELOAD)).did
  expect(refused.__typename).toBe('RulesetRefused')
  expect(refused.problems?.[0]?.message).toContain('1 deliveries are still owed to it')
  const health = await kurir.ask<{ health: { problems: string[] } }>('{ health { problems } }')
  expect(health.health.problems[0]).toContain('the last good ones are in force')

  const { deliveries } = await kurir.ask<{ deliveries: { nodes: { id: string }[] } }>('{ deliveries { nodes { id } } }')
  await kurir.ask('mutation($id: ID!) { deliveryCancel(input: { deliveryId: $id, reason: "r" }) { __typename } }', {
    id: deliveries.nodes[0]?.id,
  })
  expect((await kurir.ask<Reloaded>(RELOAD)).did.__typename).toBe('RulesetReloadSuccess')
})

test('rules that no longer load change nothing, and the last good ones survive a restart', async () => {
  const folders = await site(toFolder)
  const first = await startApp(folders)
  await first[Symbol.asyncDispose]()
  await folders.write({ '00.yaml': 'version: 1\nrules: [ { name: broken, forward: [nowhere] } ]\n' })
  const kurir = stack.use(await startApp(folders))
  const { health, ruleset } = await kurir.ask<{
    health: { ready: boolean; problems: string[] }
    ruleset: { rules: { name: string }[] }
  }>('{ health { ready problems } ruleset { rules { name } } }')
  expect(ruleset.rules).toEqual([{ name: 'everything' }])
  expect(health).toEqual({ ready: true, problems: [expect.stringContaining('No destination nowhere')] })
  expect(await store(kurir.dicomPort, instance(4).file)).toEqual([0])
  await untilSettled(kurir)
  expect(await readdir(path.join(folders.home, 'outbox'))).toHaveLength(1)
})

test('the folder is read again when it is asked for by signal', async () => {
  const folders = await site(toFolder)
  const kurir = stack.use(await startApp(folders))
  await writeFile(path.join(folders.rulesDir, '00.yaml'), 'version: 1\nrulez: []\n')
  kurir.app.reload()
  expect((await kurir.log.line('ruleset-refused')).file).toBe('rules/00.yaml')
})

test('with no ruleset ever in force a start names every mistake, and leaves nothing locked', async () => {
  const folders = await site(() => 'version: 1\nrules: [ { name: broken, forward: [nowhere] } ]\n')
  const { environment } = folders
  const start = () => createApp({ settings: readSettings(environment), environment, log: silentLog })
  await expect(start()).rejects.toMatchObject({ code: 'invalid-rules', message: expect.stringContaining('nowhere') })
  await folders.write({ '00.yaml': toFolder(folders.home) })
  await (await start())[Symbol.asyncDispose]()
})

test('ready.json that a killed Kurir left speaks for nobody while a new one is starting', async () => {
  const folders = await site(toFolder)
  const file = path.join(folders.dataDir, 'ready.json')
  await mkdir(folders.dataDir, { recursive: true })
  await writeFile(file, `{"dicomPort":1,"httpPort":2,"adminPort":3,"pid":${process.pid}}\n`)
  const { environment } = folders
  await using _starting = await createApp({ settings: readSettings(environment), environment, log: silentLog })
  await expect(access(file)).rejects.toThrow('ENOENT')
})

test('a second Kurir on the same data is refused', async () => {
  const folders = await site(toFolder)
  stack.use(await startApp(folders))
  await expect(startApp(folders)).rejects.toMatchObject({ code: 'data-directory-locked' })
})

test('a stop that cannot take its ready.json away stops all the rest, and says so', async () => {
  const folders = await site(toFolder)
  const running = await startApp(folders)
  const ready = path.join(folders.dataDir, 'ready.json')
  await rm(ready)
  await mkdir(path.join(ready, 'in its stead'), { recursive: true })
  await expect(running[Symbol.asyncDispose]()).rejects.toThrow('ready.json')
  await rm(ready, { recursive: true })
  const again = await startApp(folders)
  await again[Symbol.asyncDispose]()
  expect(again.log.lines.at(-1)?.event).toBe('stopped')
})

test('health names the destination whose setting is missing and the disk that is full; what comes then is refused', async () => {
  const unset = `  cloud: { dimse: { ae: "\${CLOUD_AE}" } }\n`
  const folders = await site((home) => toFolder(home, unset, '[outbox, cloud]'), {
    KURIR_SPOOL_FREE_MIN: '999999999999999',
  })
  const kurir = stack.use(await startApp(folders))
  const { health, destinations } = await kurir.ask<{ health: { problems: string[] }; destinations: unknown }>(
    '{ health { problems } destinations { name kind address state } }',
  )
  expect(health.problems).toEqual([
    'Destination cloud needs CLOUD_AE, which is not set.',
    expect.stringContaining('below KURIR_SPOOL_FREE_MIN'),
  ])
  expect(destinations).toEqual([
    { name: 'outbox', kind: 'FOLDER', address: path.join(folders.home, 'outbox'), state: 'UP' },
    { name: 'cloud', kind: null, address: null, state: 'DOWN' },
  ])
  expect(await store(kurir.dicomPort, instance(5).file)).toEqual([0xa700])
  expect(await metricsOf(kurir)).toContain('kurir_instances_refused_total{door="DIMSE",reason="disk-full"} 1')
})

test('an operator verifies a folder, an archive that is not there and an address that is not set', async () => {
  const more = `  dead: { dimse: { ae: "DEAD@[::1]:${await freePort()}" } }\n  unset: { dimse: { ae: "\${DEAD_AE}" } }\n`
  const folders = await site((home) => toFolder(home, more))
  const kurir = stack.use(await startApp(folders))
  const verify = `mutation($name: String!) { did: destinationVerify(input: { name: $name }) {
    __typename ... on DestinationVerifySuccess { reached reason } } }`
  const verified = async (name: string) => (await kurir.ask<{ did: object }>(verify, { name })).did
  expect(await verified('outbox')).toMatchObject({ reached: true, reason: null })
  expect(await verified('dead')).toMatchObject({ reached: false, reason: 'connection-refused' })
  expect(await verified('unset')).toMatchObject({ __typename: 'NotFound' })
})
