import { KurirError } from '../base/failure.ts'
import { type PartHeaders, parsePartHeaders } from './part-headers.ts'

export interface MultipartLimits {
  /** Bytes of one part's header block. */
  readonly headerBytes: number
  readonly parts: number
  /** Bytes before the first boundary, and behind the last. */
  readonly around: number
}

export const MULTIPART_LIMITS: MultipartLimits = { headerBytes: 8_192, parts: 20_000, around: 65_536 }

/** One part. Its body is to be read, or given up, before the next part is asked for. */
export interface Part {
  readonly headers: PartHeaders
  /** Slices as they came, valid until the next is asked for. */
  readonly body: AsyncIterable<Buffer>
}

const CRLF = Buffer.from('\r\n')
const BLANK_LINE = Buffer.from('\r\n\r\n')
const CR = 0x0d
const DASH = 0x2d
/** Spaces and tabs that may stand between a boundary and its line end (RFC 2046 5.1.1, transport padding). */
const PADDING = 64

/** What stands behind the characters of a boundary. `more`: too few bytes to say. */
type Behind = 'close' | 'more' | 'data' | { readonly lineEnd: number }

/**
 * Reads multipart/related (RFC 2387, RFC 2046) from a stream, however that is sliced. It holds one slice and at most a
 * boundary or header block besides. Lines end in CRLF; a boundary's characters that go on otherwise are the part's bytes.
 *
 * Every method rejects with KurirError `invalid-argument` for a body that breaks the syntax, `too-large` for one that
 * exceeds the limits, and with what the source throws.
 */
export class MultipartReader {
  readonly #source: AsyncIterator<Uint8Array>
  readonly #delimiter: Buffer
  readonly #limits: MultipartLimits
  /** Not given out yet. Begins as if a line had just ended, so that a boundary at the very start is one. */
  #held: Buffer = CRLF
  #parts = 0
  /** The body given out last, until its end has been seen. */
  #open: BodyReader | undefined
  #phase: 'preamble' | 'parts' | 'over' = 'preamble'

  /** @param boundary as `isBoundary` allows */
  constructor(source: AsyncIterable<Uint8Array>, boundary: string, limits: MultipartLimits = MULTIPART_LIMITS) {
    this.#source = source[Symbol.asyncIterator]()
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1')
    this.#limits = limits
  }

  /** The next part; undefined behind the closing boundary, when the source has been read to its end. */
  async next(): Promise<Part | undefined> {
    if (this.#phase === 'preamble') await this.#skipPreamble()
    await this.#finishOpen()
    if (this.#phase === 'over') return undefined
    this.#parts += 1
    if (this.#parts > this.#limits.parts) throw tooLarge('too many parts')
    const headers = parsePartHeaders(await this.#headerBlock())
    this.#open = new BodyReader((body) => this.#slice(body))
    return { headers, body: this.#open }
  }

  async #skipPreamble(): Promise<void> {
    this.#phase = 'parts'
    this.#open = new BodyReader((body) => this.#slice(body), false)
    await this.#finishOpen(this.#limits.around)
  }

  /** Reads what nobody wanted of the part before. */
  async #finishOpen(most = Number.POSITIVE_INFINITY): Promise<void> {
    const body = this.#open
    if (body === undefined) return
    let skipped = 0
    for (let next = await body.next(); next.done !== true; next = await body.next()) {
      skipped += next.value.length
      if (skipped > most) throw tooLarge('too much before the first boundary')
    }
    this.#open = undefined
    if (body.closes) await this.#skipEpilogue()
  }

  async #skipEpilogue(): Promise<void> {
    this.#phase = 'over'
    let skipped = this.#held.length
    this.#held = Buffer.alloc(0)
    while (skipped <= this.#limits.around) {
      const { done, value } = await this.#source.next()
      if (done === true) return
      skipped += value.length
    }
    throw tooLarge('too much behind the last boundary')
  }

  /** From the end of the boundary's line to the blank line, which stays: it may be the CRLF of the next boundary. */
  async #headerBlock(): Promise<string> {
    for (;;) {
      const blank = this.#held.indexOf(BLANK_LINE)
      const next = this.#held.indexOf(this.#delimiter)
      const end = next >= 0 && (blank < 0 || next < blank) ? next : blank
      if (
        end > this.#limits.headerBytes ||
        (end < 0 && this.#held.length > this.#limits.headerBytes + this.#delimiter.length)
      ) {
        throw tooLarge('the headers of a part are too large')
      }
      if (end >= 0) {
        const block = this.#held.toString('latin1', 0, end)
        // A part without a body ends where its headers do.
        this.#held = this.#held.subarray(end === next ? end : end + CRLF.length)
        return block
      }
      await this.#more()
    }
  }

  /** The next run of the open body; undefined at its end. */
  async #slice(body: BodyReader): Promise<Buffer | undefined> {
    for (;;) {
      const found = this.#scan(body)
      if (found !== 'more') return found
      await this.#more()
    }
  }

  #scan(body: BodyReader): Buffer | 'more' | undefined {
    let from = 0
    for (;;) {
      const at = this.#held.indexOf(this.#delimiter, from)
      if (at < 0) return this.#safe(body)
      const behind = this.#behind(at + this.#delimiter.length)
      if (behind === 'data') {
        from = at + 1
        continue
      }
      // What stands before it is the body's, whatever it turns out to be.
      if (at > body.skip) return this.#take(body, at)
      if (behind === 'more') return 'more'
      this.#held = this.#held.subarray(behind === 'close' ? at + this.#delimiter.length + 2 : behind.lineEnd)
      body.end(behind === 'close')
      return undefined
    }
  }

  /** Everything that cannot be the beginning of a boundary. */
  #safe(body: BodyReader): Buffer | 'more' {
    const tail = Math.max(0, this.#held.length - this.#delimiter.length + 1)
    for (let at = this.#held.indexOf(CR, tail); at >= 0; at = this.#held.indexOf(CR, at + 1)) {
      const rest = this.#held.length - at
      if (this.#held.compare(this.#delimiter, 0, rest, at) === 0) return at > body.skip ? this.#take(body, at) : 'more'
    }
    return this.#held.length > body.skip ? this.#take(body, this.#held.length) : 'more'
  }

  #take(body: BodyReader, end: number): Buffer {
    const slice = this.#held.subarray(body.skip, end)
    this.#held = this.#held.subarray(end)
    body.skip = 0
    return slice
  }

  #behind(at: number): Behind {
    const held = this.#held
    if (at >= held.length) return 'more'
    if (held[at] === DASH) return at + 1 >= held.length ? 'more' : held[at + 1] === DASH ? 'close' : 'data'
    let end = at
    while (end < held.length && (held[end] === 0x20 || held[end] === 0x09)) end += 1
    if (end - at > PADDING) return 'data'
    if (end + 1 >= held.length) return end >= held.length || held[end] === CR ? 'more' : 'data'
    // The line's own end stays: the header block begins with it.
    return held[end] === CR && held[end + 1] === 0x0a ? { lineEnd: end } : 'data'
  }

  async #more(): Promise<void> {
    const { done, value } = await this.#source.next()
    if (done === true)
      throw new KurirError('invalid-argument', 'permanent', 'the body ends before its closing boundary')
    const slice = Buffer.from(value.buffer, value.byteOffset, value.length)
    this.#held = this.#held.length === 0 ? slice : Buffer.concat([this.#held, slice])
  }
}

/** One body, read by whoever has the part; what is left of it the reader takes before the next part. */
class BodyReader implements AsyncIterableIterator<Buffer> {
  readonly #read: (body: BodyReader) => Promise<Buffer | undefined>
  /** Bytes at the front of what is held that are not the body's: the blank line's own end. */
  skip: number
  /** Whether the boundary behind it was the last. */
  closes = false
  #over = false

  constructor(read: (body: BodyReader) => Promise<Buffer | undefined>, hasHeaders = true) {
    this.#read = read
    this.skip = hasHeaders ? CRLF.length : 0
  }

  end(closes: boolean): void {
    this.closes = closes
    this.#over = true
  }

  async next(): Promise<IteratorResult<Buffer, undefined>> {
    const value = this.#over ? undefined : await this.#read(this)
    return value === undefined ? { done: true, value: undefined } : { done: false, value }
  }

  // A reader who breaks off leaves the rest to `MultipartReader.next`.
  async return(): Promise<IteratorResult<Buffer, undefined>> {
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Buffer> {
    return this
  }
}

const tooLarge = (what: string): KurirError => new KurirError('too-large', 'permanent', what)
