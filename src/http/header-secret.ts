import { KurirError } from '../base/failure.ts'

/** `Basic …` (RFC 7617), UTF-8. */
export const basicAuthorization = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}`

/** `Bearer …` (RFC 6750 2.1). @throws KurirError `not-configured` when the text cannot stand in a header */
export function bearerAuthorization(token: string): string {
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new KurirError('not-configured', 'transient', 'the file of the bearer token holds more than a token')
  }
  return `Bearer ${token}`
}
