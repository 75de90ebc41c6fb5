import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext, type TlsOptions } from 'node:tls'
import { type Instant, instant } from '../base/clock.ts'
import { hasErrno, KurirError } from '../base/failure.ts'
import type { Settings } from '../settings/table.ts'

/** By which a port with TLS is opened, and opened anew. */
export interface DicomTls {
  readonly options: TlsOptions
  /** Until when our certificate is good. */
  readonly endsAt: Instant
}

/**
 * What the settings and their files say of the port with TLS; undefined where there is none. Callers show a certificate where
 * we are told whom to trust.
 *
 * @throws KurirError `invalid-setting` for files that TLS cannot be had by, and for files that no port uses
 */
export async function readDicomTls(settings: Settings): Promise<DicomTls | undefined> {
  const { dicomTlsPort, tlsCertFile, tlsKeyFile, tlsCaFile } = settings
  if (dicomTlsPort === undefined) return refuseUnused(settings)
  if (tlsCertFile === '' || tlsKeyFile === '') {
    throw unusable('KURIR_DICOM_TLS_PORT wants a certificate and its key: KURIR_TLS_CERT_FILE and KURIR_TLS_KEY_FILE')
  }
  const own = {
    cert: await readPem('KURIR_TLS_CERT_FILE', tlsCertFile),
    key: await readPem('KURIR_TLS_KEY_FILE', tlsKeyFile),
  }
  const endsAt = usable(
    `KURIR_TLS_CERT_FILE ${tlsCertFile} and KURIR_TLS_KEY_FILE ${tlsKeyFile} hold no certificate and its key`,
    () => {
      createSecureContext(own)
      return instant(new X509Certificate(own.cert).validToDate.getTime())
    },
  )
  if (tlsCaFile === '') return { options: own, endsAt }
  const ca = await readPem('KURIR_TLS_CA_FILE', tlsCaFile)
  // A context passes over what is none, and would then let nobody in.
  usable(`KURIR_TLS_CA_FILE ${tlsCaFile} holds no certificate`, () => new X509Certificate(ca))
  return { options: { ...own, ca, requestCert: true, rejectUnauthorized: true }, endsAt }
}

/** Who names a certificate believes that images come by TLS. */
function refuseUnused({ tlsCertFile, tlsKeyFile, tlsCaFile }: Settings): undefined {
  const files = { KURIR_TLS_CERT_FILE: tlsCertFile, KURIR_TLS_KEY_FILE: tlsKeyFile, KURIR_TLS_CA_FILE: tlsCaFile }
  const [first] = Object.entries(files).find(([, file]) => file !== '') ?? []
  if (first === undefined) return undefined
  throw unusable(`${first} is set and nothing would use it: set KURIR_DICOM_TLS_PORT as well, 2762 for one`)
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
function usable<T>(problem: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw unusable(problem, cause)
  }
}

const unusable = (message: string, cause?: unknown): KurirError =>
  new KurirError('invalid-setting', 'permanent', message, { cause })
