import { describe, expect, test } from '@jest/globals'
import { ms } from '../../src/base/clock.ts'
import { KurirError } from '../../src/base/failure.ts'
import { openLine } from '../../src/ledger/sqlite/worker-line.ts'
import { openLedger } from './open-ledger.ts'
import { admission } from './sample.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('two threads and a proxy', () => {
  test('of eight admissions on their way the first waits for five more: one flush serves those, another the rest', async () => {
    await using opened = await openLedger({ gatherWindow: ms(20_000) })
    const { ledger } = opened
    let expected = 8
    ledger.expectAdmissions(expected)
    const admit = async (): Promise<void> => {
      await ledger.admit([admission()])
      expected -= 1
      ledger.expectAdmissions(expected)
    }
    const admitting: Promise<unknown>[] = []
    for (let i = 0; i < 8; i++) {
      admitting.push(admit())
      for (let pause = 0; pause < 20; pause++) await turn()
      if (i === 4) expect(ledger.counts().fullCommits).toBe(0)
    }
    await Promise.all(admitting)
    const { fullCommits, quietCommits } = ledger.counts()
    expect(quietCommits).toBe(0)
    // Whether the last two are there when the sixth is taken up is a matter of threads.
    expect(fullCommits).toBeGreaterThanOrEqual(1)
    expect(fullCommits).toBeLessThanOrEqual(3)
  })

  test('when one that was on its way is given up, the others stop waiting for it', async () => {
    await using opened = await openLedger({ gatherWindow: ms(20_000) })
    const { ledger } = opened
    ledger.expectAdmissions(4)
    const admitting = [1, 2, 3].map(() => ledger.admit([admission()]))
    for (let pause = 0; pause < 20; pause++) await turn()
    ledger.expectAdmissions(3)
    await Promise.all(admitting)
    expect(ledger.counts().fullCommits).toBe(1)
  })

  test('closing lets what was asked before finish', async () => {
    await using opened = await openLedger({ gatherWindow: ms(20_000) })
    const { ledger } = opened
    ledger.expectAdmissions(9)
    const admitting = ledger.admit([admission()])
    await ledger[Symbol.asyncDispose]()
    await expect(admitting).resolves.toHaveLength(1)
    const again = await opened.reopen()
    expect(await again.unplanned(5)).toHaveLength(1)
  })

  test('the log is folded back when it passes its limit, without being asked', async () => {
    await using opened = await openLedger({ walLimitBytes: 200_000 })
    for (let i = 0; i < 140; i++) await opened.ledger.admit([admission()])
    expect(opened.ledger.counts().checkpoints).toBeGreaterThan(0)
    expect((await opened.ledger.checkpoint()).walBytes).toBeGreaterThan(0)
  })

  test('a header that is a slice of a larger buffer arrives as itself', async () => {
    await using opened = await openLedger()
    const one = { ...admission(), header: Buffer.from('--header--').subarray(2, 8) }
    await opened.ledger.admit([one])
    expect(Buffer.from((await opened.ledger.views.header(one.id)) ?? []).toString()).toBe('header')
    expect(one.header.toString()).toBe('header')
  })
})

test('when a thread dies, whoever waits for it is told, and so is whoever comes later', async () => {
  const line = openLine<never>({
    script: new URL('./dying-worker.ts', import.meta.url),
    start: {},
    stamp: (verb, args, id) => ({ id, verb, args, at: 0 as never }),
    receive: () => undefined,
  })
  const waiting = line.call('anything', [])
  await expect(waiting).rejects.toBeInstanceOf(KurirError)
  await expect(line.call('anything', [])).rejects.toMatchObject({ code: 'internal', retry: 'transient' })
  await line.close()
})
