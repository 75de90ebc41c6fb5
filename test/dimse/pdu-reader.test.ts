import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { ByteBudget } from '../../src/dimse/byte-budget.ts'
import { DEFAULT_PDU_LIMITS, PduReader } from '../../src/dimse/pdu-reader.ts'
import { dataPdu, pdu, pdv } from '../support/raw-peer.ts'

const LIMITS = { dataLength: 100_000, associateLength: 20_000 }

/** Reads a stream in the given cuts and tells what was heard, pieces of one PDV joined. */
async function read(stream: Buffer, cuts: readonly number[], slow = false, budget = new ByteBudget(1_000_000)) {
  const heard: string[] = []
  let piece = ''
  const pause = (): Promise<void> | undefined => (slow ? Promise.resolve() : undefined)
  const reader = new PduReader(
    {
      header: (type, length) => void heard.push(`header ${type} ${length}`),
      control: (type, body) => {
        heard.push(`control ${type} ${body.toString('hex')}`)
        return pause()
      },
      fragment: (id, control, slice, complete) => {
        piece += slice.toString('hex')
        if (complete) {
          heard.push(`fragment ${id} ${control} ${piece}`)
          piece = ''
        }
        return pause()
      },
    },
    LIMITS,
    budget,
  )
  let at = 0
  for (const cut of [...cuts, stream.length]) {
    if (cut > at) await reader.feed(Buffer.from(stream.subarray(at, cut)))
    at = Math.max(at, cut)
  }
  return { heard, reader }
}

const bytes = fc.uint8Array({ maxLength: 300 })
const fragments = fc.array(fc.tuple(fc.nat(127), fc.nat(3), bytes), { minLength: 1, maxLength: 4 })
const anyPdu = fc.oneof(
  fragments.map((each) => dataPdu(...each.map(([id, control, body]) => pdv(id * 2 + 1, control, body)))),
  fc.uint8Array({ minLength: 68, maxLength: 9_000 }).map((body) => pdu(1, body)),
  fc.constantFrom(5, 6, 7).map((type) => pdu(type, Buffer.alloc(4))),
)
const streams = fc.array(anyPdu, { minLength: 1, maxLength: 6 }).map((pdus) => Buffer.concat(pdus))

test('however a stream is cut, the same is heard', async () => {
  const scenario = fc.tuple(
    streams,
    fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }),
    fc.boolean(),
  )
  await fc.assert(
    fc.asyncProperty(scenario, async ([stream, places, slow]) => {
      const cuts = places.map((place) => Math.floor(place * stream.length)).sort((a, b) => a - b)
      const whole = await read(stream, [])
      const cut = await read(stream, cuts, slow)
      expect(cut.heard).toEqual(whole.heard)
      expect(cut.reader.isMidPdu).toBe(false)
    }),
    { numRuns: 150 },
  )
})

test('one byte at a time is a stream as well', async () => {
  const stream = Buffer.concat([
    pdu(1, Buffer.alloc(70, 1)),
    dataPdu(pdv(1, 3, Buffer.alloc(0)), pdv(3, 2, Buffer.alloc(5))),
  ])
  const { heard } = await read(stream, [...stream.keys()])
  expect(heard).toEqual((await read(stream, [])).heard)
  expect(heard).toContain('fragment 1 3 ')
})

test('what a large associate PDU takes from the budget it gives back', async () => {
  const budget = new ByteBudget(40_000)
  const stream = pdu(1, Buffer.alloc(20_000))
  await read(stream, [100, 9_000, 18_000], false, budget)
  expect(budget.taken).toBe(0)
})

test('together, associate PDUs under way cannot take more than the budget', async () => {
  const budget = new ByteBudget(30_000)
  await read(pdu(1, Buffer.alloc(19_000), 20_000), [10], false, budget)
  expect(budget.taken).toBeGreaterThan(0)
  await expect(read(pdu(1, Buffer.alloc(19_000), 20_000), [10], false, budget)).rejects.toMatchObject({
    abort: { source: 2, reason: 0 },
  })
})

test('memory follows what came, not what a header claims', async () => {
  const budget = new ByteBudget(1_000_000)
  const { reader } = await read(pdu(1, Buffer.alloc(10), 20_000), [], false, budget)
  expect(budget.taken).toBeLessThan(10_000)
  reader.stop()
  expect(budget.taken).toBe(0)
})

test.each([
  ['an A-ASSOCIATE-RQ of 1 MB', 1, 1024 * 1024],
  ['a P-DATA-TF of 64 MB', 4, 64 * 1024 * 1024],
])('unless told otherwise, %s is read and a longer one is not', async (_what, type, most) => {
  const heard: number[] = []
  const consumer = { header: (_type: number, length: number) => void heard.push(length), control() {}, fragment() {} }
  const begin = (length: number) =>
    new PduReader(consumer, DEFAULT_PDU_LIMITS, new ByteBudget(most)).feed(pdu(type, Buffer.alloc(0), length))
  await begin(most)
  await expect((async () => await begin(most + 1))()).rejects.toMatchObject({ abort: { source: 2, reason: 6 } })
  expect(heard).toContain(most)
})

describe('a stream that is no DICOM', () => {
  const bad: readonly (readonly [string, Buffer, number])[] = [
    ['an unknown PDU type', pdu(0x42, Buffer.alloc(4)), 1],
    ['PDU type 0', pdu(0, Buffer.alloc(4)), 1],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 1],
    ['a P-DATA-TF of 4 GB', pdu(4, Buffer.alloc(0), 0xfffffff0), 6],
    ['an A-ASSOCIATE-RQ over the limit', pdu(1, Buffer.alloc(0), 20_001), 6],
    ['an A-RELEASE-RQ of two bytes', pdu(5, Buffer.alloc(2)), 6],
    ['an A-ABORT of 2 KB', pdu(7, Buffer.alloc(2_048)), 6],
    ['a P-DATA-TF without a PDV', pdu(4, Buffer.alloc(0)), 6],
    ['a PDV longer than its PDU', dataPdu(pdv(1, 0, Buffer.alloc(10), 13)), 6],
    ['a PDV of length 1', dataPdu(pdv(1, 0, Buffer.alloc(4), 1)), 6],
    ['a PDV header cut off by its PDU', dataPdu(pdv(1, 0, Buffer.alloc(4)), Buffer.alloc(3)), 6],
  ]
  test.each(bad)('%s', async (_title, stream, reason) => {
    await expect(read(stream, [])).rejects.toMatchObject({ abort: { source: 2, reason } })
  })
})
