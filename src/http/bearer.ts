import { Secret } from '../base/secret.ts'

// Nothing longer is worth a digest and a look into the ledger.
const LONGEST_TOKEN = 512
const SCHEME = /^(Bearer|Basic) +([\x21-\x7e]+) *$/i

/** The token of an Authorization header: Bearer (RFC 6750 2.1), or the password of Basic (RFC 7617 2). */
export function readToken(authorization: string | undefined): Secret | undefined {
  const match = authorization === undefined ? null : SCHEME.exec(authorization)
  if (match?.[1] === undefined || match[2] === undefined) return undefined
  const token = match[1].toLowerCase() === 'bearer' ? match[2] : passwordOf(match[2])
  return token === '' || token.length > LONGEST_TOKEN ? undefined : new Secret(token)
}

function passwordOf(credentials: string): string {
  const text = Buffer.from(credentials, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon < 0 ? '' : text.slice(colon + 1)
}
