import type { Transform } from 'node:stream'
import { createGunzip, createInflate, createInflateRaw, type Gunzip, type Inflate, type InflateRaw } from 'node:zlib'
import { hasErrno, KurirError } from '../base/failure.ts'

/** The bytes themselves are at fault, and not what they were read from. */
export class InflationError extends KurirError {}

/** What a decompressed body may grow to. */
export interface InflationLimits {
  readonly bytes: number
  /** Output to input, judged once more than `freely` has come out: pictures in black do shrink a thousandfold. */
  readonly ratio: number
  readonly freely: number
}

export const INFLATION_LIMITS: InflationLimits = { bytes: 64 * 2 ** 30, ratio: 200, freely: 64 * 2 ** 20 }

export const CONTENT_ENCODINGS = ['gzip', 'deflate', 'identity'] as const
export type ContentEncoding = (typeof CONTENT_ENCODINGS)[number]

/** Undefined for one that we cannot take off (RFC 9110 8.4.1). */
export function contentEncodingOf(header: string | undefined): ContentEncoding | undefined {
  const name = (header ?? 'identity').trim().toLowerCase()
  if (name === '' || name === 'identity') return 'identity'
  if (name === 'gzip' || name === 'x-gzip') return 'gzip'
  return name === 'deflate' ? 'deflate' : undefined
}

/**
 * The bytes without their encoding, as they come. `deflate` is zlib's format, or raw as some clients send it.
 *
 * @throws InflationError `too-large` for a bomb, `invalid-argument` for bytes that are not what they say
 * @throws what the source throws
 */
export async function* decodeBody(
  source: AsyncIterable<Buffer>,
  encoding: ContentEncoding,
  limits: InflationLimits = INFLATION_LIMITS,
): AsyncGenerator<Buffer, void, void> {
  if (encoding === 'identity') {
    yield* source
    return
  }
  const input = source[Symbol.asyncIterator]()
  const first = await input.next()
  if (first.done === true) return
  const inflater = inflaterFor(encoding, first.value)
  const feeding = new Feeding(input, inflater)
  const fed = feeding.run(first.value)
  let bytes = 0
  try {
    for await (const slice of inflater) {
      bytes += slice.length
      if (bytes > limits.bytes || (bytes > limits.freely && bytes > feeding.bytes * limits.ratio)) {
        throw new InflationError('too-large', 'permanent', 'the body grows beyond the limit when it is decompressed')
      }
      yield slice
    }
    // What stands behind the compressed stream is no more ours than an epilogue, but it is to be read.
    await fed
    if (feeding.failure !== undefined) throw feeding.failure
  } catch (error) {
    if (feeding.failure !== undefined) throw feeding.failure
    if (!hasErrno(error, ...ZLIB_ERRORS)) throw error
    throw new InflationError('invalid-argument', 'permanent', 'the body is not in the encoding that it states')
  } finally {
    inflater.destroy()
    // Nobody else may read the source while this still waits for a slice of it.
    await fed
  }
}

const ZLIB_ERRORS = ['Z_DATA_ERROR', 'Z_BUF_ERROR', 'Z_NEED_DICT', 'Z_STREAM_ERROR']
const CHUNK = { chunkSize: 65_536 }

function inflaterFor(encoding: 'gzip' | 'deflate', first: Buffer): Gunzip | Inflate | InflateRaw {
  if (encoding === 'gzip') return createGunzip(CHUNK)
  // A zlib header's low four bits say deflate, and its first two bytes are a multiple of 31 (RFC 1950 2.2).
  const isZlib = ((first[0] ?? 0) & 0x0f) === 8 && (first.length < 2 || first.readUInt16BE(0) % 31 === 0)
  return isZlib ? createInflate(CHUNK) : createInflateRaw(CHUNK)
}

/** Writes the source into the inflater at the pace at which that is read. */
class Feeding {
  readonly #source: AsyncIterator<Buffer>
  readonly #inflater: Transform
  bytes = 0
  /** What the source threw. */
  failure: unknown

  constructor(source: AsyncIterator<Buffer>, inflater: Transform) {
    this.#source = source
    this.#inflater = inflater
  }

  /** Resolves when the source is at its end, has failed, or nobody reads the inflater any more. */
  async run(first: Buffer): Promise<void> {
    try {
      let slice: Buffer | undefined = first
      while (slice !== undefined && !this.#inflater.destroyed) {
        this.bytes += slice.length
        if (!this.#inflater.write(slice)) await drained(this.#inflater)
        const { done, value }: IteratorResult<Buffer, unknown> = await this.#source.next()
        slice = done === true ? undefined : value
      }
      this.#inflater.end()
    } catch (error) {
      this.failure = error
      this.#inflater.destroy(new KurirError('aborted', 'transient', 'the compressed body broke off'))
    }
  }
}

function drained(inflater: Transform): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      inflater.off('drain', done).off('close', done)
      resolve()
    }
    if (inflater.destroyed) resolve()
    else inflater.on('drain', done).on('close', done)
  })
}
