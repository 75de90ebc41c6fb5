import { randomBytes } from 'node:crypto'
import { Secret } from '../base/secret.ts'
import type { Actor, Ledger } from '../ledger/ledger.ts'
import type { Role } from '../ledger/states.ts'

const NAME = /^[A-Za-z0-9 ._-]{1,64}$/

/** `path`: which part of what was asked is wrong. */
export type CreatedToken =
  | { readonly kind: 'created'; readonly token: Secret; readonly name: string; readonly roles: readonly Role[] }
  | { readonly kind: 'refused'; readonly path: 'name' | 'roles'; readonly sentence: string }

/** Makes a token of 256 random bits. Only its SHA-256 is kept, so the answer is the one place where it stands. */
export async function createToken(
  ledger: Pick<Ledger, 'tokenCreate' | 'tokens'>,
  asked: { readonly name: string; readonly roles: readonly Role[] },
  by: Actor,
): Promise<CreatedToken> {
  const name = asked.name.trim()
  const roles = [...new Set(asked.roles)]
  if (!NAME.test(name)) {
    return refused('name', 'A name has 1 to 64 letters, digits, spaces, dots, dashes and underscores.')
  }
  if (roles.length === 0) return refused('roles', 'A token holds at least one role.')
  if (await isTaken(ledger, name)) return taken(name)
  const token = new Secret(randomBytes(32).toString('base64url'))
  try {
    await ledger.tokenCreate(token, { name, roles }, by)
  } catch (error) {
    // Somebody else was quicker with the same name.
    if (await isTaken(ledger, name)) return taken(name)
    throw error
  }
  return { kind: 'created', token, name, roles }
}

async function isTaken(ledger: Pick<Ledger, 'tokens'>, name: string): Promise<boolean> {
  return (await ledger.tokens()).some((token) => token.name === name && token.revokedAt === null)
}

const refused = (path: 'name' | 'roles', sentence: string): CreatedToken => ({ kind: 'refused', path, sentence })

const taken = (name: string): CreatedToken => refused('name', `There is a token ${name} that works; revoke it first.`)
