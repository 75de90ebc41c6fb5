import { readFile, stat } from 'node:fs/promises'
import { KurirError } from '../base/failure.ts'

const LARGEST = 1_048_576

/** The content of a small file, read again when the file has changed: certificates and secrets are renewed in place. */
export class FileText {
  readonly #path: string
  #stamp: string | undefined
  #bytes: Buffer = Buffer.alloc(0)

  constructor(path: string) {
    this.#path = path
  }

  /** Changes when the content was read anew; for those who keep what they made of it. */
  get stamp(): string {
    return this.#stamp ?? ''
  }

  /** @throws KurirError `not-configured` when it cannot be read, is empty or has more than a megabyte */
  async read(): Promise<Buffer> {
    const stamp = await this.#look()
    if (stamp === this.#stamp) return this.#bytes
    const bytes = await readFile(this.#path).catch((cause: unknown) => this.#fail('cannot be read', cause))
    if (bytes.length === 0) this.#fail('is empty')
    this.#bytes = bytes
    this.#stamp = stamp
    return bytes
  }

  /** As text, without the line break that editors leave at its end. */
  async text(): Promise<string> {
    return (await this.read()).toString('utf8').trim()
  }

  async #look(): Promise<string> {
    const found = await stat(this.#path).catch((cause: unknown) => this.#fail('cannot be read', cause))
    if (found.size > LARGEST) this.#fail('is too large')
    return `${found.mtimeMs}:${found.size}:${found.ino}`
  }

  #fail(what: string, cause?: unknown): never {
    throw new KurirError('not-configured', 'transient', `the file ${this.#path} ${what}`, { cause })
  }
}
