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
import { startReceiver } from '../support/receiving-process.ts'
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

/** Stores the objects, one after the other on one association, in a receiver that lacks one of its syncs. */
async function receiveWithout(sync: string): Promise<PowerCutReport> {
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
    const args = ['-aec', 'KURIR', '+sd', '127.0.0.1', String(receiver.port), join(dir.path, 'objects')]
    const [code] = await once(spawn('storescu', args, { stdio: 'ignore', env: quickPeerEnv }), 'exit')
    expect(code).toBe(0)
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
})
