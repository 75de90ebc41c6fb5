import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { hasErrno } from '../base/failure.ts'
import { Secret } from '../base/secret.ts'
import { writeWhole } from '../base/whole-file.ts'
import type { Ledger } from '../ledger/ledger.ts'

/** The first token, in the data directory. */
const ADMIN_TOKEN_FILE = 'admin-token'

type Tokens = Pick<Ledger, 'tokenCreate' | 'tokenGrant' | 'tokens'>

/**
 * At a first start makes the administrator's token (ADMIN and PHI_READER) and writes it to `<data>/admin-token`, 0600.
 * Later starts change nothing: a token that was revoked or a file that was removed stays so while any administrator's token works.
 *
 * @returns where the token was written, undefined when there was nothing to do
 */
export async function ensureAdminToken(ledger: Tokens, dataDir: string): Promise<string | undefined> {
  const file = path.join(dataDir, ADMIN_TOKEN_FILE)
  const known = await ledger.tokens()
  if (known.some(({ revokedAt, roles }) => revokedAt === null && roles.includes('ADMIN'))) return undefined
  // A crash between file and ledger leaves a file whose token is not known: it is made good here.
  const left = await readLeft(file)
  const token = left ?? new Secret(randomBytes(32).toString('base64url'))
  if (left === undefined) await writeWhole(file, `${token.reveal()}\n`, 0o600)
  const name = freeName(new Set(known.map((each) => each.name)))
  await ledger.tokenCreate(token, { name, roles: ['ADMIN', 'PHI_READER'] }, { name: 'kurir' })
  return file
}

function freeName(taken: ReadonlySet<string>): string {
  let name = 'admin'
  for (let number = 2; taken.has(name); number += 1) name = `admin-${number}`
  return name
}

async function readLeft(file: string): Promise<Secret | undefined> {
  try {
    const text = (await readFile(file, 'utf8')).trim()
    return text.length >= 43 ? new Secret(text) : undefined
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined
    throw error
  }
}
