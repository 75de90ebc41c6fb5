import { expect, test } from '@jest/globals'
import { ms } from '../../src/base/clock.ts'
import { KurirError } from '../../src/base/failure.ts'
import type { Destination } from '../../src/rules/destination.ts'
import { ctInstance } from '../support/data-set.ts'
import { openDelivery, quickRetry } from '../support/delivery-harness.ts'
import { temporaryDir } from '../support/processes.ts'
import { openShelf } from '../support/spool-on-disk.ts'

const folderAt = (name: string, path: string): Destination => ({
  name,
  file: '10.yaml',
  line: 1,
  retry: quickRetry,
  verify: undefined,
  reach: { kind: 'folder', folder: { path, layout: '{SOPInstanceUID}.dcm' } },
})

test('a ledger that fails while the destinations change is asked again: the new one is served, and a stop is in order', async () => {
  await using home = await temporaryDir('dispatchers')
  const shelf = await openShelf(home.path)
  await using _closed = shelf
  let failing: readonly boolean[] = []
  const conditions = () => {
    const fails = failing[0] ?? false
    failing = failing.slice(1)
    if (!fails) return shelf.ledger.views.conditions()
    return Promise.reject(new KurirError('disk-io', 'transient', 'the disk failed under the ledger'))
  }
  const ledger = { ...shelf.ledger, views: { ...shelf.ledger.views, conditions } }
  const first = folderAt('first', `${home.path}/first`)
  const harness = await openDelivery({
    folder: home.path,
    destinations: [first],
    grace: ms(100),
    shelf: { ...shelf, ledger },
  })
  await harness.start()
  // Once when it is asked for all of them, and once for the new one by itself.
  for (const [nth, name] of ['second', 'third'].entries()) {
    failing = nth === 0 ? [true] : [false, true]
    const changed = harness.reconfigure([first, folderAt(name, `${home.path}/${name}`)])
    await harness.owe(ctInstance({ sizeBytes: 1_024, instanceNumber: nth }).file, [name])
    await Promise.all([changed, harness.until(nth + 1)])
  }
  expect(harness.settled.map(({ state }) => state)).toEqual(['DELIVERED', 'DELIVERED'])
  await harness[Symbol.asyncDispose]()
}, 30_000)

test('rules that change while the dispatchers start wait for it: a destination has one of them', async () => {
  await using home = await temporaryDir('dispatchers')
  const shelf = await openShelf(home.path)
  await using _closed = shelf
  let asked = 0
  const conditions = () => {
    asked += 1
    return shelf.ledger.views.conditions()
  }
  const ledger = { ...shelf.ledger, views: { ...shelf.ledger.views, conditions } }
  const destinations = [folderAt('first', `${home.path}/first`)]
  const harness = await openDelivery({ folder: home.path, destinations, shelf: { ...shelf, ledger } })
  await Promise.all([harness.start(), harness.reconfigure(destinations)])
  // Twice for all of them, and once by the one dispatcher that begins.
  expect(asked).toBe(3)
  await harness[Symbol.asyncDispose]()
})
