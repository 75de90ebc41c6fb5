import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import type { InstanceId } from '../../src/ledger/ids.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite/open.ts'
import { scratchDirectory } from '../ledger/open-ledger.ts'
import { TestClock } from '../support/test-clock.ts'

const KILLS = 5
const ANSWERS = 150

/** Lets a process work on the ledger and kills it after so many answers; gives what it was promised. */
async function workUntilKilled(file: string, run: number): Promise<readonly InstanceId[]> {
  const child = fork(new URL('./ledger-writer.ts', import.meta.url), [file, `run${run}`], { execArgv: [] })
  const promised: InstanceId[] = []
  child.on('message', (id: InstanceId) => {
    promised.push(id)
    if (promised.length === ANSWERS) child.kill('SIGKILL')
  })
  await once(child, 'exit')
  return promised
}

test('whatever was answered FULL is there after a kill -9, again and again, and everything is accounted for', async () => {
  using directory = scratchDirectory()
  const file = join(directory.path, 'kurir.db')
  const promised: InstanceId[] = []
  for (let run = 0; run < KILLS; run++) {
    const answered = await workUntilKilled(file, run)
    expect(answered.length).toBeGreaterThanOrEqual(ANSWERS)
    promised.push(...answered)
  }
  await using ledger = await openSqliteLedger({ file, node: 'n1', clock: new TestClock(Date.now() + 1_000) })
  await ledger.rescue('nobody')
  const found = await Promise.all(promised.map((id) => ledger.views.instance(id)))
  expect(found.filter((row) => row === undefined)).toEqual([])
  const counts = await ledger.views.obligationCounts()
  const depth = await ledger.views.queueDepth('pacs')
  expect(depth.sending).toBe(0)
  expect(counts.PENDING).toBe(depth.ready + depth.waiting)
  expect(counts.DELIVERED).toBe(depth.delivered)
  const owed = Object.values(counts).reduce((sum, count) => sum + count, 0)
  expect(owed).toBeGreaterThanOrEqual(promised.length)
  expect((await ledger.auditVerify()).firstBroken).toBeNull()
}, 60_000)
