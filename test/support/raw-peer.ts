// A DICOM peer that says exactly what a test tells it to, byte by byte, and shows what it hears PDU by PDU.
import { connect, createServer, type Socket } from 'node:net'

/** What a raw peer hears: a PDU, or that the other side has ended or reset the connection. */
export type Heard =
  | { readonly kind: 'pdu'; readonly type: number; readonly body: Buffer }
  | { readonly kind: 'end' }
  | { readonly kind: 'reset' }

export class RawPeer {
  readonly socket: Socket
  #received = Buffer.alloc(0)
  readonly #heard: Heard[] = []
  readonly #waiting: ((heard: Heard) => void)[] = []
  #over: Heard | undefined

  constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#receive(chunk))
    socket.on('end', () => this.#finish({ kind: 'end' }))
    socket.on('error', () => this.#finish({ kind: 'reset' }))
    socket.on('close', () => this.#finish({ kind: 'reset' }))
  }

  static async connect(port: number): Promise<RawPeer> {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return new RawPeer(socket)
  }

  /** Resolves when the kernel has the bytes; quietly also when the connection is gone. */
  send(...parts: readonly Uint8Array[]): Promise<void> {
    return new Promise((resolve) => {
      this.socket.write(Buffer.concat(parts), () => resolve())
    })
  }

  /** The next thing heard. After the end it is the end, again and again. */
  hear(): Promise<Heard> {
    const next = this.#heard.shift() ?? this.#over
    if (next !== undefined) return Promise.resolve(next)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** As `hear`, in one line: `05`, `07 2/6`, `03 1/1/3`, `04`, `end`. */
  async hearLine(): Promise<string> {
    const heard = await this.hear()
    if (heard.kind !== 'pdu') return heard.kind
    const type = heard.type.toString(16).padStart(2, '0')
    if (heard.type === 7) return `${type} ${heard.body[2]}/${heard.body[3]}`
    if (heard.type === 3) return `${type} ${heard.body[1]}/${heard.body[2]}/${heard.body[3]}`
    return type
  }

  destroy(): void {
    this.socket.destroy()
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }

  #receive(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk])
    while (this.#received.length >= 6) {
      const end = 6 + this.#received.readUInt32BE(2)
      if (this.#received.length < end) return
      const body = Buffer.from(this.#received.subarray(6, end))
      this.#tell({ kind: 'pdu', type: this.#received.readUInt8(0), body })
      this.#received = this.#received.subarray(end)
    }
  }

  #finish(over: Heard): void {
    if (this.#over !== undefined) return
    this.#over = over
    for (const waiting of this.#waiting.splice(0)) waiting(over)
  }

  #tell(heard: Heard): void {
    const waiting = this.#waiting.shift()
    if (waiting === undefined) this.#heard.push(heard)
    else waiting(heard)
  }
}

/** A server that runs a script for each connection. Dispose it in a finally. */
export async function serveRaw(script: (peer: RawPeer) => Promise<void>): Promise<AsyncDisposable & { port: number }> {
  const peers = new Set<RawPeer>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const peer = new RawPeer(socket)
    socket.on('end', () => socket.end())
    peers.add(peer)
    void script(peer)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    [Symbol.asyncDispose]: async () => {
      for (const peer of peers) peer.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

/** A PDU of any type around a body, with a length that may lie. */
export function pdu(type: number, body: Uint8Array, length = body.length): Buffer {
  const header = Buffer.alloc(6)
  header[0] = type
  header.writeUInt32BE(length, 2)
  return Buffer.concat([header, body])
}

/** An item of an associate PDU: type, reserved byte, length that may lie, value. */
export function item(type: number, value: Uint8Array | string, length?: number): Buffer {
  const bytes = Buffer.from(value)
  const header = Buffer.alloc(4)
  header[0] = type
  header.writeUInt16BE(length ?? bytes.length, 2)
  return Buffer.concat([header, bytes])
}

/** A presentation context item of an A-ASSOCIATE-RQ. */
export const context = (id: number, abstractSyntaxes: readonly string[], transferSyntaxes: readonly string[]): Buffer =>
  item(
    0x20,
    Buffer.concat([
      Buffer.from([id, 0, 0, 0]),
      ...abstractSyntaxes.map((uid) => item(0x30, uid)),
      ...transferSyntaxes.map((uid) => item(0x40, uid)),
    ]),
  )

/** A presentation context item of an A-ASSOCIATE-AC. */
export const answeredContext = (id: number, result: number, transferSyntax: string): Buffer =>
  item(0x21, Buffer.concat([Buffer.from([id, 0, result, 0]), item(0x40, transferSyntax)]))

export const userInformation = (maxPduLength: number, ...more: readonly Uint8Array[]): Buffer => {
  const max = Buffer.alloc(4)
  max.writeUInt32BE(maxPduLength)
  return item(0x50, Buffer.concat([item(0x51, max), item(0x52, '1.2.3'), ...more]))
}

export interface AssociateFields {
  readonly version?: number
  readonly calledAe?: string
  readonly callingAe?: string
  readonly applicationContext?: string
  readonly items: readonly Uint8Array[]
}

/** The body of an A-ASSOCIATE-RQ or -AC around any items. */
export function associateBody(fields: AssociateFields): Buffer {
  const fixed = Buffer.alloc(68)
  fixed.writeUInt16BE(fields.version ?? 1)
  fixed.write((fields.calledAe ?? 'KURIR').padEnd(16), 4, 16, 'latin1')
  fixed.write((fields.callingAe ?? 'RAW').padEnd(16), 20, 16, 'latin1')
  return Buffer.concat([fixed, item(0x10, fields.applicationContext ?? '1.2.840.10008.3.1.1.1'), ...fields.items])
}

/** A PDV: context id, control header (1 command, 2 last), bytes, and a length that may lie. */
export function pdv(contextId: number, control: number, bytes: Uint8Array, length = bytes.length + 2): Buffer {
  const header = Buffer.alloc(6)
  header.writeUInt32BE(length)
  header[4] = contextId
  header[5] = control
  return Buffer.concat([header, bytes])
}

export const dataPdu = (...pdvs: readonly Uint8Array[]): Buffer => pdu(0x04, Buffer.concat(pdvs))
