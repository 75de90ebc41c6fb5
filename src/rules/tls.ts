import { z } from 'zod'
import { textField } from './field.ts'

/** PEM files of a peer that is reached by TLS. */
export const tlsSchema = z
  .strictObject({
    ca_file: textField.optional().describe('Certificates of those we trust, PEM. Unsaid: what the system trusts.'),
    cert_file: textField.optional().describe('Our certificate, PEM.'),
    key_file: textField.optional().describe('The key of our certificate, PEM.'),
  })
  .refine((tls) => (tls.cert_file === undefined) === (tls.key_file === undefined), {
    message: 'cert_file and key_file go together.',
  })
