import { TextDecoder } from 'node:util'
import { badModel } from './model.ts'

/** Bytes of an XML declaration, at most: it says how the rest is to be read. */
const DECLARATION = 256
const ENCODING = /^(?:\xef\xbb\xbf)?<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z][\w.-]{0,40})["']/
/** What can be declared in ASCII; all others are written down as UTF-8 today. */
const READ = /^(utf-?8|us-ascii|iso-8859-\d{1,2}|windows-125\d|gb18030|gbk|shift_jis|euc-(kr|jp))$/i

/** Decodes XML as its declaration says, UTF-8 where it says nothing (XML 1.0 4.3.3). Throws `invalid-dataset` for other bytes. */
export class XmlText {
  #first: Buffer = Buffer.alloc(0)
  #decoder: TextDecoder | undefined

  decode(slice: Uint8Array): string {
    if (this.#decoder !== undefined) return this.#read(this.#decoder, slice)
    this.#first = Buffer.concat([this.#first, slice])
    if (this.#first.length < DECLARATION && !this.#first.includes('?>')) return ''
    return this.#begin()
  }

  finish(): string {
    const begun = this.#decoder === undefined ? this.#begin() : ''
    return begun + (this.#decoder === undefined ? '' : this.#read(this.#decoder))
  }

  #begin(): string {
    const name = ENCODING.exec(this.#first.toString('latin1', 0, DECLARATION))?.[1] ?? 'utf-8'
    if (!READ.test(name)) throw badModel('the metadata is in an encoding that is not read')
    this.#decoder = new TextDecoder(name, { fatal: true })
    return this.#read(this.#decoder, this.#first)
  }

  #read(decoder: TextDecoder, slice?: Uint8Array): string {
    try {
      return slice === undefined ? decoder.decode() : decoder.decode(slice, { stream: true })
    } catch {
      throw badModel('the metadata is not in the encoding that it states')
    }
  }
}
