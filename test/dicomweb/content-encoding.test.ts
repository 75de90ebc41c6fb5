import { randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { deflateRawSync, deflateSync, Gunzip, gzipSync } from 'node:zlib'
import { expect, test } from '@jest/globals'
import { KurirError } from '../../src/base/failure.ts'
import {
  type ContentEncoding,
  contentEncodingOf,
  decodeBody,
  INFLATION_LIMITS,
} from '../../src/dicomweb/content-encoding.ts'

async function* slicesOf(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function decode(bytes: Buffer, encoding: ContentEncoding, limits = INFLATION_LIMITS, size = 7) {
  const slices: Buffer[] = []
  try {
    for await (const slice of decodeBody(slicesOf(bytes, size), encoding, limits)) slices.push(Buffer.from(slice))
  } catch (error) {
    return error instanceof KurirError ? error.code : String(error)
  }
  return Buffer.concat(slices).toString()
}

const TEXT = 'Kurir '.repeat(1_000)

test.each<[ContentEncoding, Buffer]>([
  ['gzip', gzipSync(TEXT)],
  ['deflate', deflateSync(TEXT)],
  ['deflate', deflateRawSync(TEXT)],
  ['identity', Buffer.from(TEXT)],
])('a body in %s is read', async (encoding, bytes) => {
  expect(await decode(bytes, encoding)).toBe(TEXT)
  expect(await decode(Buffer.alloc(0), encoding)).toBe('')
})

test.each<[string, Buffer]>([
  ['cut off', gzipSync(TEXT).subarray(0, 30)],
  ['not what it says', Buffer.from('plain')],
  ['altered', gzipSync(TEXT).fill(0x55, 12, 20)],
])('a body that is %s is bad syntax', async (_name, bytes) => {
  expect(await decode(bytes, 'gzip')).toBe('invalid-argument')
})

test('a bomb ends at its limits', async () => {
  const bomb = gzipSync(Buffer.alloc(2_000_000))
  expect(await decode(bomb, 'gzip', { bytes: 1_000_000, ratio: 10_000, freely: 0 }, 1_000)).toBe('too-large')
  expect(await decode(bomb, 'gzip', { bytes: 1e9, ratio: 100, freely: 1_000_000 }, 100_000)).toBe('too-large')
})

test('the pieces of a long body that is decompressed more slowly than it comes leave nobody waiting behind them', async () => {
  const packed = gzipSync(randomBytes(4 * 2 ** 20))
  const { emit } = EventEmitter.prototype
  const waiting: number[] = []
  EventEmitter.prototype.emit = function (event, ...rest) {
    if (event === 'close' && this instanceof Gunzip) waiting.push(this.listenerCount('close'))
    return emit.call(this, event, ...rest)
  }
  try {
    await decode(packed, 'gzip', INFLATION_LIMITS, 65_536)
    await new Promise((resolve) => setImmediate(resolve))
  } finally {
    EventEmitter.prototype.emit = emit
  }
  expect(waiting).not.toEqual([])
  expect(Math.max(...waiting)).toBeLessThan(4)
})

test('what the source throws comes through, and a reader who breaks off leaves the source readable', async () => {
  const packed = gzipSync(Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 7919) % 251)))
  async function* breaking(): AsyncGenerator<Buffer> {
    yield packed.subarray(0, 100)
    throw new KurirError('timeout', 'transient', 'gone')
  }
  const reading = (async () => {
    for await (const _ of decodeBody(breaking(), 'gzip'));
  })()
  await expect(reading).rejects.toMatchObject({ code: 'timeout' })
  const source = slicesOf(packed, 64)
  for await (const slice of decodeBody({ [Symbol.asyncIterator]: () => source }, 'gzip')) if (slice.length > 0) break
  expect(typeof (await source.next()).done).toBe('boolean')
})

test('encodings have their names, and others are not known', () => {
  expect([undefined, '', 'GZIP', 'x-gzip', 'deflate', 'identity'].map(contentEncodingOf)).toEqual([
    'identity',
    'identity',
    'gzip',
    'gzip',
    'deflate',
    'identity',
  ])
  expect(['br', 'gzip, gzip', 'zstd'].map(contentEncodingOf)).toEqual([undefined, undefined, undefined])
})
