import type { SecureContextOptions } from 'node:tls'
import { FileText } from './file-text.ts'
import type { HttpTlsFiles } from './reach.ts'

/** TLS as the files say it now; `stamp` changes with them. @throws KurirError `not-configured` when one cannot be read */
export type ClientTls = () => Promise<{ readonly stamp: string; readonly options: SecureContextOptions }>

/** Peers are always verified; a CA of one's own replaces what the system trusts. TLS 1.2 is the least (RFC 9325). */
export function clientTls(files: HttpTlsFiles | undefined): ClientTls {
  const [ca, cert, key] = [files?.caFile, files?.certFile, files?.keyFile].map((path) =>
    path === undefined ? undefined : new FileText(path),
  )
  return async () => {
    const [caPem, certPem, keyPem] = await Promise.all([ca?.read(), cert?.read(), key?.read()])
    return {
      stamp: [ca, cert, key].map((file) => file?.stamp ?? '').join(' '),
      options: {
        minVersion: 'TLSv1.2',
        ...(caPem === undefined ? {} : { ca: caPem }),
        ...(certPem === undefined ? {} : { cert: certPem }),
        ...(keyPem === undefined ? {} : { key: keyPem }),
      },
    }
  }
}
