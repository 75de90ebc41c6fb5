import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'
import { ctInstance } from '../support/data-set.ts'
import { describeWithPeers } from '../support/peers.ts'
import { checkPowerCut, type PowerCutReport } from '../support/power-cut.ts'
import { quickPeerEnv, temporaryDir } from '../support/processes.ts'
import { type Receiver, startReceiver } from '../support/receiving-process.ts'
import { dicomPart, related, relatedType } from '../support/stow-bodies.ts'
import { TRACED } from '../support/strace-log.ts'

const OBJECTS = 20
const WITHOUT_SYNC = fileURLToPath(new URL('../support/without-sync.ts', import.meta.url))

/** Objects of 10 KB to 3 MB, so that some take one write and some several. */
async function writeObjects(folder: string): Promise<void> {
  await mkdir(folder)
  for (let number = 1; number <= OBJECTS; number += 1) {
    const sizeBytes = number % 5 === 0 ? 3_000_000 : 10_240 * number
    await writeFile(join(folder, `${number}.dcm`), ctInstance({ instanceNumber: number, sizeBytes }).file)
  }
}

type Send = (receiver: Receiver, folder: string) => Promise<void>

/** One after the other, on one association. */
const byCStore: Send = async ({ port }, folder) => {
  const args = ['-aec', 'KURIR', '+sd', '127.0.0.1', String(port), folder]
  const [code] = await once(spawn('storescu', args, { stdio: 'ignore', env: quickPeerEnv }), 'exit')
  expect(code).toBe(0)
}

/** Alone and in pairs, several requests at once. */
const byStow: Send = async ({ httpPort }, folder) => {
  const post = async (numbers: readonly number[]): Promise<number> => {
    const files = await Promise.all(numbers.map((number) => readFile(join(folder, `${number}.dcm`))))
    const body = new Uint8Array(related(files.map(dicomPart)))
    return (await fetch(`http://127.0.0.1:${httpPort}/studies`, { method: 'POST', body, headers: relatedType() }))
      .status
  }
  const sent = Array.from({ length: OBJECTS / 4 }, async (_, lane) => [
    await post([lane * 4 + 1]),
    await post([lane * 4 + 2, lane * 4 + 3]),
    await post([lane * 4 + 4]),
  ])
  expect((await Promise.all(sent)).flat().filter((status) => status !== 200)).toEqual([])
}

/** Stores the objects in a receiver that lacks one of its syncs. */
async function receiveWithout(sync: string, send: Send = byCStore): Promise<PowerCutReport> {
  await using dir = await temporaryDir('power-cut')
  const log = join(dir.path, 'strace.log')
  await writeObjects(join(dir.path, 'objects'))
  const wrapper = ['strace', '-f', '-y', '-xx', '-s', '8192', '-e', `trace=${TRACED}`, '-o', log]
  {
    await using receiver = await startReceiver({
      folder: join(dir.path, 'receiver'),
      wrapper,
      nodeArgs: ['--import', WITHOUT_SYNC],
      env: { KURIR_TEST_WITHOUT: sync },
    })
    await send(receiver, join(dir.path, 'objects'))
    await receiver.stop()
  }
  return checkPowerCut(await readFile(log, 'latin1'))
}

describeWithPeers(['strace', 'storescu'], 'a power cut', () => {
  test('takes nothing that was answered Success: bytes, name and row are synced before each answer leaves', async () => {
    const report = await receiveWithout('nothing')
    expect(report.violations).toEqual([])
    expect(new Set(report.acknowledged).size).toBe(OBJECTS)
  }, 120_000)

  for (const [sync, complaint] of [
    ['file', /its bytes were not synced$/],
    ['directory', /: the name .* was not synced$/],
    ['ledger', /its row was not synced$/],
  ] as const) {
    test(`the checker sees it when the ${sync} is not synced`, async () => {
      const report = await receiveWithout(sync)
      expect(report.acknowledged.length).toBe(OBJECTS)
      expect(report.violations.filter((one) => complaint.test(one)).length).toBeGreaterThanOrEqual(OBJECTS)
    }, 120_000)
  }

  test('takes nothing that STOW-RS named as stored', async () => {
    const report = await receiveWithout('nothing', byStow)
    expect(report.violations).toEqual([])
    expect(new Set(report.acknowledged).size).toBe(OBJECTS)
  }, 120_000)

  test('of STOW-RS too the checker sees a sync that is missing', async () => {
    const report = await receiveWithout('ledger', byStow)
    expect(report.violations.filter((one) => /its row was not synced$/.test(one)).length).toBeGreaterThanOrEqual(
      OBJECTS,
    )
  }, 120_000)
})
