import { createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions, Server as TlsServer } from 'node:tls'
import { type Clock, type Milliseconds, ms, type Timer } from '../base/clock.ts'
import type { NewId } from '../base/id.ts'
import { Acceptor } from './acceptor.ts'
import type { AdmissionVerdict, AssociationProposal, DimseHandlers, DimseServerEvents } from './admission.ts'
import { ByteBudget } from './byte-budget.ts'
import { OneBufferSocket } from './one-buffer-socket.ts'
import { REJECT, type Rejection } from './pdu.ts'
import { DEFAULT_PDU_LIMITS, type PduLimits } from './pdu-reader.ts'
import type { UpperLayerTimeouts } from './upper-layer-user.ts'

export interface DimseServerOptions {
  readonly clock: Clock
  readonly newId: NewId
  readonly handlers: DimseHandlers
  /** Who may come in. Must not throw. */
  admit(proposal: AssociationProposal): AdmissionVerdict | Promise<AdmissionVerdict>
  readonly events?: DimseServerEvents
  readonly timeouts?: Partial<UpperLayerTimeouts>
  readonly limits?: Partial<PduLimits>
  /** The longest P-DATA-TF we ask for, in bytes after its header, whatever the peer's own is. */
  readonly maxPduLength?: number
  /** One more is rejected as transient, local limit exceeded. */
  readonly maxAssociations?: number
  /** Bytes of A-ASSOCIATE-RQs that are held together while they arrive. */
  readonly preAssociationBytes?: number
  /** How long open associations may take to finish when the server stops. */
  readonly drain?: Milliseconds
  /** Present: every connection is TLS (PS3.15 B). */
  readonly tls?: TlsOptions
  /** Stops the server when it fires. */
  readonly signal?: AbortSignal
}

export interface DimseServer extends AsyncDisposable {
  /** Resolves with the port, which matters when 0 was asked for. Rejects when the address cannot be had. */
  listen(host: string, port: number): Promise<number>
  /** Associations open now. */
  readonly associations: number
  /** Other certificates for connections from now on; for a server that was made with TLS. */
  renewTls(tls: TlsOptions): void
  /** Accepts nothing more, lets open associations finish within `drain`, aborts the rest. */
  stop(): Promise<void>
}

const TIMEOUTS: UpperLayerTimeouts = {
  artim: ms(10_000),
  acse: ms(10_000),
  release: ms(10_000),
  network: ms(10_000),
  idle: ms(300_000),
  close: ms(2_000),
}
export const DEFAULT_MAX_PDU_LENGTH = 131_072

/** A DIMSE server (PS3.8 acceptor). Nothing listens until `listen`. */
export function createDimseServer(options: DimseServerOptions): DimseServer {
  return new ListeningServer(options)
}

class ListeningServer implements DimseServer {
  readonly #options: DimseServerOptions
  readonly #server: Server
  readonly #connections = new Set<Acceptor>()
  readonly #open = new Set<Acceptor>()
  /** Every TCP connection, those in a TLS handshake too. */
  readonly #sockets = new Set<Socket>()
  readonly #budget: ByteBudget
  readonly #maxAssociations: number
  #stopping: Promise<void> | undefined
  #emptied: PromiseWithResolvers<void> | undefined

  constructor(options: DimseServerOptions) {
    this.#options = options
    this.#budget = new ByteBudget(options.preAssociationBytes ?? 32 * 1024 * 1024)
    this.#maxAssociations = options.maxAssociations ?? 1_000
    // A handshake is part of what ARTIM limits: connection to A-ASSOCIATE-RQ.
    const artim = options.timeouts?.artim ?? TIMEOUTS.artim
    const socketOptions = { allowHalfOpen: true, noDelay: true }
    this.#server =
      options.tls === undefined
        ? createTcpServer({ ...socketOptions, pauseOnConnect: true }, (accepted) =>
            this.#connected(OneBufferSocket.over(accepted)),
          )
        : createTlsServer({ handshakeTimeout: artim, ...options.tls, ...socketOptions }, (socket) =>
            this.#connected(socket),
          )
    this.#server.on('tlsClientError', (_error, socket) => socket.destroy())
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    this.#server.on('error', () => {})
    // Silent peers hold a socket until ARTIM; beyond this many the kernel's answer is a closed connection.
    this.#server.maxConnections = this.#maxAssociations * 2 + 64
    options.signal?.addEventListener('abort', () => void this.stop(), { once: true })
  }

  get associations(): number {
    return this.#open.size
  }

  async listen(host: string, port: number): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#server.once('error', reject)
    this.#server.listen({ host, port, backlog: 1024 }, resolve)
    await promise
    this.#server.off('error', reject)
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : port
  }

  renewTls(tls: TlsOptions): void {
    if (this.#server instanceof TlsServer) this.#server.setSecureContext(tls)
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #connected(socket: Socket): void {
    const options = this.#options
    const acceptor = new Acceptor(socket, {
      clock: options.clock,
      newId: options.newId,
      timeouts: { ...TIMEOUTS, ...options.timeouts },
      limits: { ...DEFAULT_PDU_LIMITS, ...options.limits },
      budget: this.#budget,
      maxPduLength: options.maxPduLength ?? DEFAULT_MAX_PDU_LENGTH,
      handlers: options.handlers,
      events: options.events ?? {},
      hasRoom: () => this.#refusal(),
      admit: (proposal) => options.admit(proposal),
      opened: (opened) => this.#open.add(opened),
      ended: (ended) => this.#open.delete(ended),
      closed: (closed) => this.#forget(closed),
    })
    this.#connections.add(acceptor)
  }

  #refusal(): Rejection | undefined {
    if (this.#stopping !== undefined) return REJECT.temporaryCongestion
    return this.#open.size >= this.#maxAssociations ? REJECT.localLimit : undefined
  }

  #forget(acceptor: Acceptor): void {
    this.#connections.delete(acceptor)
    if (this.#connections.size === 0) this.#emptied?.resolve()
  }

  async #stop(): Promise<void> {
    const closed = Promise.withResolvers<void>()
    // Calls back with an error when it never listened; then it is closed as well.
    this.#server.close(() => closed.resolve())
    this.#emptied = Promise.withResolvers<void>()
    for (const acceptor of this.#connections) if (!acceptor.isOpen) acceptor.destroy('server stops')
    const timers = this.#limitDrain()
    if (this.#connections.size > 0) await this.#emptied.promise
    for (const timer of timers) timer.cancel()
    for (const socket of this.#sockets) socket.destroy()
    await closed.promise
  }

  /** First A-ABORT for those that are not done, then, when they do not even close, the end of their sockets. */
  #limitDrain(): readonly Timer[] {
    const drain = this.#options.drain ?? ms(10_000)
    const close = this.#options.timeouts?.close ?? TIMEOUTS.close
    const each = (act: (acceptor: Acceptor) => void): void => {
      for (const acceptor of [...this.#connections]) act(acceptor)
    }
    return [
      this.#options.clock.after(drain, () => each((acceptor) => acceptor.abort('server stops'))),
      this.#options.clock.after(ms(drain + close), () => each((acceptor) => acceptor.destroy('server stops'))),
    ]
  }
}
