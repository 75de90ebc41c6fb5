import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext, type TlsOptions } from 'node:tls'
import { hasErrno, KurirError } from '../base/failure.ts'
import { createDimseServer, type DimseServer, type DimseServerOptions } from '../dimse/server.ts'
import type { Settings } from '../settings/table.ts'
import { asSet } from './as-set.ts'

/** Where the DIMSE door ended up: what port 0 became. */
export interface OpenDimsePorts {
  readonly dicomPort: number
  /** Where settings ask for one. */
  readonly dicomTlsPort?: number
}

/** One door, two ports: in the clear, and with TLS where the settings say so (PS3.15 B). Nothing listens until `listen`. */
export class DimsePorts implements AsyncDisposable {
  readonly #settings: Settings
  readonly #plain: DimseServer
  readonly #secure: DimseServer | undefined

  private constructor(settings: Settings, plain: DimseServer, secure: DimseServer | undefined) {
    this.#settings = settings
    this.#plain = plain
    this.#secure = secure
  }

  /** @throws KurirError `invalid-setting` for files that TLS cannot be had by */
  static async create(
    settings: Settings,
    door: Pick<DimseServerOptions, 'clock' | 'newId' | 'handlers' | 'admit' | 'events'>,
  ): Promise<DimsePorts> {
    const { acseTimeout, networkTimeout, idleTimeout, maxAssociations, stopTimeout } = settings
    const timeouts = { artim: acseTimeout, acse: acseTimeout, network: networkTimeout, idle: idleTimeout }
    const options = { ...door, timeouts, maxAssociations, drain: stopTimeout }
    const tls = await dicomTls(settings)
    const secure = tls === undefined ? undefined : createDimseServer({ ...options, tls })
    return new DimsePorts(settings, createDimseServer(options), secure)
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

/** By which the port with TLS is opened; undefined where there is none. Callers show a certificate where we are told whom to trust. */
async function dicomTls({
  dicomTlsPort,
  tlsCertFile,
  tlsKeyFile,
  tlsCaFile,
}: Settings): Promise<TlsOptions | undefined> {
  if (dicomTlsPort === undefined) return undefined
  if (tlsCertFile === '' || tlsKeyFile === '') {
    throw unusable('KURIR_DICOM_TLS_PORT wants a certificate and its key: KURIR_TLS_CERT_FILE and KURIR_TLS_KEY_FILE')
  }
  const own = {
    cert: await readPem('KURIR_TLS_CERT_FILE', tlsCertFile),
    key: await readPem('KURIR_TLS_KEY_FILE', tlsKeyFile),
  }
  usable(
    `KURIR_TLS_CERT_FILE ${tlsCertFile} and KURIR_TLS_KEY_FILE ${tlsKeyFile} hold no certificate and its key`,
    () => createSecureContext(own),
  )
  if (tlsCaFile === '') return own
  const ca = await readPem('KURIR_TLS_CA_FILE', tlsCaFile)
  // A context passes over what is none, and would then let nobody in.
  usable(`KURIR_TLS_CA_FILE ${tlsCaFile} holds no certificate`, () => new X509Certificate(ca))
  return { ...own, ca, requestCert: true, rejectUnauthorized: true }
}

async function readPem(variable: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (cause) {
    const why = hasErrno(cause, 'ENOENT') ? 'is not there' : 'cannot be read'
    throw unusable(`${variable}: ${path} ${why}`, cause)
  }
}

/** OpenSSL's own words name neither file nor setting. */
function usable(problem: string, read: () => unknown): void {
  try {
    read()
  } catch (cause) {
    throw unusable(problem, cause)
  }
}

const unusable = (message: string, cause?: unknown): KurirError =>
  new KurirError('invalid-setting', 'permanent', message, { cause })
