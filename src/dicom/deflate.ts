import { once } from 'node:events'
import type { Transform } from 'node:stream'
import { createDeflateRaw } from 'node:zlib'
import { KurirError } from '../base/failure.ts'
import { inflaterFor } from './inflate.ts'
import { bufferOf } from './slice-output.ts'

/**
 * Inflates a deflated data set as it is read (PS3.5 A.5). What follows the end of the deflated data, a padding byte, is
 * ignored, but read: only at its end does a source say that its bytes are right.
 *
 * @throws KurirError `invalid-dataset` where it is not deflated or was cut
 */
export async function* inflateStream(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const slices = source[Symbol.asyncIterator]()
  const first = await firstBytes(slices)
  if (first.length === 0) return
  try {
    yield* through(inflaterFor(first), beginWith(first, slices))
  } catch (cause) {
    if (!isZlibError(cause)) throw cause
    throw new KurirError('invalid-dataset', 'permanent', 'the data set cannot be inflated', { cause })
  } finally {
    await slices.return?.()
  }
}

/** Deflates a data set (RFC 1951, PS3.5 A.5), padded to even length with a NUL. */
export async function* deflateSlices(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let length = 0
  for await (const piece of through(createDeflateRaw(), source)) {
    length += piece.length
    yield piece
  }
  if (length % 2 === 1) yield Buffer.of(0)
}

/** Two bytes at least, where there are as many: they tell how it is wrapped. */
async function firstBytes(slices: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  let first = Buffer.alloc(0)
  while (first.length < 2) {
    const next = await slices.next()
    if (next.done === true) break
    first = Buffer.concat([first, next.value])
  }
  return first
}

async function* beginWith(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value
}

/** Feeds a zlib stream under its own back pressure and gives out what it makes. */
async function* through(stream: Transform, source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const fed = feed(stream, source)
  try {
    for await (const piece of stream) {
      if (piece instanceof Uint8Array) yield bufferOf(piece)
    }
    const failure = await fed
    if (failure !== undefined) throw failure
  } finally {
    stream.destroy()
    await fed
  }
}

/**
 * Never rejects: what goes wrong with the source destroys the stream, and its reader is told. Where the stream has ended by
 * itself the rest is read over.
 *
 * @returns what went wrong with the source
 */
async function feed(stream: Transform, source: AsyncIterable<Uint8Array>): Promise<Error | undefined> {
  const closed = new AbortController()
  stream.once('close', () => closed.abort())
  try {
    for await (const slice of source) {
      if (stream.readableEnded) continue
      if (stream.destroyed) return undefined
      // The stream takes its own copy: a source may use its buffer again.
      if (!stream.write(Buffer.from(slice))) await drained(stream, closed.signal)
    }
    stream.end()
    return undefined
  } catch (error) {
    const failure = Error.isError(error) ? error : new Error('the source failed', { cause: error })
    if (!stream.readableEnded) stream.destroy(failure)
    return failure
  }
}

async function drained(stream: Transform, closed: AbortSignal): Promise<void> {
  if (closed.aborted) return
  try {
    await once(stream, 'drain', { signal: closed })
  } catch {
    // Closed while waiting: the loop sees that.
  }
}

function isZlibError(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('code' in error)) return false
  return typeof error.code === 'string' && error.code.startsWith('Z_')
}
