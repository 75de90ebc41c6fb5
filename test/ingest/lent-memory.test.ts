import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import type { AssociationFacts } from '../../src/dimse/association.ts'
import { MessageReader } from '../../src/dimse/message-reader.ts'
import { PduReader } from '../../src/dimse/pdu-reader.ts'
import { createDimseServer } from '../../src/dimse/server.ts'
import { createDimseDoor } from '../../src/ingest/dimse-door.ts'
import { ctInstance } from '../support/data-set.ts'
import { sha256 } from '../support/data-set-bytes.ts'
import { associateRq, CT, EXPLICIT, hearStatus, IMPLICIT, releaseRq, storeCommand } from '../support/dimse-bytes.ts'
import { temporaryDir } from '../support/processes.ts'
import { dataPdu, pdv, RawPeer } from '../support/raw-peer.ts'
import { collect, newId, openShelf, type Shelf } from '../support/spool-on-disk.ts'

// An association is read into one buffer, over and over (D-dimse-12): here what was lent is spoilt as soon as its time is
// over, instead of perhaps, with the next read.
let spoilt = 0
function spoiling<Rest extends unknown[]>(read: (...rest: Rest) => void | Promise<void>, lent: Buffer, ...rest: Rest) {
  const spoil = (): void => {
    spoilt += lent.length
    lent.fill(0xdd)
  }
  const waiting = read(...rest)
  return waiting === undefined ? spoil() : waiting.finally(spoil)
}

const { feed } = PduReader.prototype
const { fragment } = MessageReader.prototype
const stack = new AsyncDisposableStack()
const opened: AssociationFacts[] = []
let shelf: Shelf
let port: number

beforeAll(async () => {
  PduReader.prototype.feed = function (chunk) {
    return spoiling(() => feed.call(this, chunk), chunk)
  }
  MessageReader.prototype.fragment = function (id, control, slice, complete) {
    return spoiling(() => fragment.call(this, id, control, slice, complete), slice)
  }
  const home = stack.use(await temporaryDir('lent')).path
  await mkdir(join(home, 'data'))
  shelf = stack.use(await openShelf(join(home, 'data')))
  const storage = createDimseDoor({ spool: shelf.spool, clock: systemClock, log: silentLog })
  const server = createDimseServer({
    clock: systemClock,
    newId,
    handlers: { stores: new Map(), storage },
    admit: async () => ({ kind: 'accept' }),
    events: { associationOpened: (facts) => void opened.push(facts) },
  })
  stack.use(server)
  port = await server.listen('127.0.0.1', 0)
})
afterAll(async () => {
  PduReader.prototype.feed = feed
  MessageReader.prototype.fragment = fragment
  await stack.disposeAsync()
})

/** Pieces of lengths that repeat. */
function cut(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0, n = 0; at < bytes.length; n += 1) {
    const end = at + (lengths[n % lengths.length] ?? bytes.length)
    pieces.push(bytes.subarray(at, end))
    at = end
  }
  return pieces
}

const pdvs = (bytes: Buffer, lengths: readonly number[], kind: number): Buffer[] =>
  cut(bytes, lengths).map((piece, n, all) => pdv(3, kind | (n === all.length - 1 ? 2 : 0), piece))

const lengths = (least: number, most: number) =>
  fc.array(fc.integer({ min: least, max: most }), { minLength: 1, maxLength: 4 })

test('nothing keeps what it was lent: however a conversation is cut, what is on record is what was sent', async () => {
  let number = 0
  const shape = fc.record({
    sizeBytes: fc.constantFrom(1_024, 60_000, 700_000),
    commands: lengths(1, 200),
    dataSets: lengths(700, 70_000),
    together: fc.integer({ min: 1, max: 5 }),
    segments: lengths(300, 150_000),
  })
  const conversation = fc.asyncProperty(shape, async ({ sizeBytes, commands, dataSets, together, segments }) => {
    number += 1
    const said = { sopInstanceUid: `2.25.${number}`, patientId: `ID${number}`, accessionNumber: `A${number}` }
    const { dataSet } = ctInstance({ sizeBytes, ...said })
    const all = [...pdvs(storeCommand(1, said.sopInstanceUid), commands, 1), ...pdvs(dataSet, dataSets, 0)]
    const pdus = all.flatMap((_, n) => (n % together === 0 ? [dataPdu(...all.slice(n, n + together))] : []))
    using peer = await RawPeer.connect(port)
    for (const segment of cut(Buffer.concat([associateRq(), ...pdus]), segments)) await peer.send(segment)
    expect(await peer.hearLine()).toBe('02')
    expect(await hearStatus(peer)).toBe(0)
    await peer.send(releaseRq)
    expect(await peer.hearLine()).toBe('06')
    const [newest] = (await shelf.ledger.views.instances({}, { first: 1 })).rows
    expect(newest?.row.reception).toMatchObject({ callingAe: 'RAW', calledAe: 'KURIR' })
    expect(newest?.row.identity).toMatchObject({ ...said, sopClassUid: CT })
    expect(newest && sha256(await collect(shelf.store.read(newest.row.blob)))).toBe(sha256(dataSet))
  })
  await fc.assert(conversation, { numRuns: 40 })
  const agreed = opened.flatMap(({ contexts }) => contexts.map(({ transferSyntax }) => transferSyntax))
  expect(new Set<string>(agreed)).toEqual(new Set([IMPLICIT, EXPLICIT]))
  expect(spoilt).toBeGreaterThan(1_000_000)
})
