import { KurirError } from '../base/failure.ts'

/** `Basic …` (RFC 7617), UTF-8. */
export const basicAuthorization = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}`

/** A token or key as a header takes it (RFC 6750 2.1). @throws KurirError `not-configured` when it cannot stand there */
export function headerSecret(secret: string): string {
  if (!/^[\x21-\x7e]+$/.test(secret)) {
    throw new KurirError('not-configured', 'transient', 'the file of a token or key holds more than that')
  }
  return secret
}
