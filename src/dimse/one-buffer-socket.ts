import { Socket, type SocketConstructorOpts } from 'node:net'

/** As much as is read at a time, and what an association holds for it. */
const READ_BYTES = 128 * 1024

/** Gets what has come, valid until it returns. False: nothing more is read until the socket is resumed. */
export type ReadChunk = (chunk: Buffer) => boolean

/**
 * A connection that is read into one buffer, over and over. A plain socket allocates 64 KB for every read, half of which a
 * busy door's collector spends its time on.
 */
export class OneBufferSocket extends Socket {
  readonly #reader: { read: ReadChunk }

  private constructor(handle: object) {
    const reader: { read: ReadChunk } = { read: () => true }
    const options: SocketConstructorOpts = {
      allowHalfOpen: true,
      onread: {
        buffer: Buffer.allocUnsafeSlow(READ_BYTES),
        callback: (bytes, buffer) => reader.read(Buffer.from(buffer.buffer, buffer.byteOffset, bytes)),
      },
    }
    super(Object.assign(options, { handle }))
    this.#reader = reader
  }

  /**
   * Takes over a connection that a server has accepted and paused (`pauseOnConnect`); the accepted socket closes with it. Node
   * has no public way to say this of an accepted connection: where its socket is made otherwise than we know, it stays as it is.
   */
  static over(accepted: Socket): Socket {
    const handle: unknown = Reflect.get(accepted, '_handle')
    if (typeof handle !== 'object' || handle === null || !('useUserBuffer' in handle)) return accepted.resume()
    Reflect.set(accepted, '_handle', null)
    const socket = new OneBufferSocket(handle)
    socket.once('close', () => accepted.destroy())
    accepted.once('close', () => socket.destroy())
    return socket
  }

  /** From now on `read` gets everything. */
  readWith(read: ReadChunk): void {
    this.#reader.read = read
    this.resume()
  }
}
