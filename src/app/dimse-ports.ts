import type { Instant } from '../base/clock.ts'
import { KurirError } from '../base/failure.ts'
import type { Log } from '../base/log.ts'
import { createDimseServer, type DimseServer, type DimseServerOptions } from '../dimse/server.ts'
import type { Settings } from '../settings/table.ts'
import { asSet } from './as-set.ts'
import { type DicomTls, readDicomTls } from './dicom-tls.ts'

/** From then on health says that our certificate ends, in milliseconds before. */
const ENDS_SOON_MS = 14 * 86_400_000

/** Where the DIMSE door ended up: what port 0 became. */
export interface OpenDimsePorts {
  readonly dicomPort: number
  /** Where settings ask for one. */
  readonly dicomTlsPort?: number
}

export type DimsePortsDoor = Pick<DimseServerOptions, 'clock' | 'newId' | 'handlers' | 'admit' | 'events'> & {
  readonly log: Log
}

/** One door, two ports: in the clear, and with TLS where the settings say so (PS3.15 B). Nothing listens until `listen`. */
export class DimsePorts implements AsyncDisposable {
  readonly #settings: Settings
  readonly #log: Log
  readonly #plain: DimseServer
  readonly #secure: DimseServer | undefined
  #tls: DicomTls | undefined
  /** Why the files of TLS could not be used when they were read last. */
  #notRenewed: string | undefined

  private constructor(settings: Settings, door: DimsePortsDoor, tls: DicomTls | undefined) {
    const { acseTimeout, networkTimeout, idleTimeout, maxAssociations, stopTimeout } = settings
    const timeouts = { artim: acseTimeout, acse: acseTimeout, network: networkTimeout, idle: idleTimeout }
    const options = { ...door, timeouts, maxAssociations, drain: stopTimeout }
    this.#settings = settings
    this.#log = door.log
    this.#plain = createDimseServer(options)
    this.#secure = tls === undefined ? undefined : createDimseServer({ ...options, tls: tls.options })
    this.#tls = tls
  }

  /** @throws KurirError `invalid-setting` for files that TLS cannot be had by */
  static async create(settings: Settings, door: DimsePortsDoor): Promise<DimsePorts> {
    return new DimsePorts(settings, door, await readDicomTls(settings))
  }

  /** What a person should know of them at that time, one sentence each. */
  problems(now: Instant): readonly string[] {
    const found: string[] = []
    if (this.#notRenewed !== undefined) found.push(`${this.#notRenewed}; the certificate read before is in force.`)
    const endsAt = this.#tls?.endsAt
    if (endsAt !== undefined && endsAt - now < ENDS_SOON_MS) {
      const day = new Date(endsAt).toISOString().slice(0, 10)
      const ends = `The certificate of KURIR_TLS_CERT_FILE ${endsAt > now ? 'ends' : 'ended'} on ${day}`
      found.push(`${ends}: put a new one in its place and send Kurir SIGHUP.`)
    }
    return found
  }

  /**
   * Reads the files of TLS again, for connections from now on; what is open goes on. Where they cannot be used, what was
   * read before stays in force.
   */
  async renewTls(): Promise<void> {
    if (this.#secure === undefined) return
    try {
      const tls = await readDicomTls(this.#settings)
      if (tls !== undefined) this.#secure.renewTls(tls.options)
      this.#tls = tls
      this.#notRenewed = undefined
      this.#log.info('tls-files-read')
    } catch (error) {
      if (!(error instanceof KurirError)) throw error
      this.#notRenewed = error.message
      this.#log.error('tls-files-refused', { code: error.code })
    }
  }

  /** @throws KurirError `invalid-setting` where a port cannot be had */
  async listen(): Promise<OpenDimsePorts> {
    const { dicomHost: host, dicomPort: port, dicomTlsPort: tlsPort } = this.#settings
    const dicomPort = await asSet('KURIR_DICOM_HOST and KURIR_DICOM_PORT', this.#plain.listen(host, port))
    if (this.#secure === undefined || tlsPort === undefined) return { dicomPort }
    const listening = this.#secure.listen(host, tlsPort)
    return { dicomPort, dicomTlsPort: await asSet('KURIR_DICOM_HOST and KURIR_DICOM_TLS_PORT', listening) }
  }

  /** Accepts nothing more, lets open associations finish within the limit, aborts the rest. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#plain.stop(), this.#secure?.stop()])
  }
}
