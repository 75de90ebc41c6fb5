import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { createToken } from '../admin/tokens.ts'
import { LEDGER_FILE, NODE } from '../app/names.ts'
import { systemClock } from '../base/clock.ts'
import { KurirError } from '../base/failure.ts'
import type { Actor, Ledger } from '../ledger/ledger.ts'
import { lockDirectory } from '../ledger/sqlite/directory-lock.ts'
import { openSqliteLedger } from '../ledger/sqlite/open.ts'
import { ROLES, type Role } from '../ledger/states.ts'
import { readSettings } from '../settings/settings.ts'
import type { Settings } from '../settings/table.ts'
import { type Command, type CommandContext, UsageError } from './command.ts'
import { hasLedger, requireLedger } from './ledger-file.ts'
import { optionsOf } from './options.ts'
import { askRunning, findRunning } from './running.ts'

const BY: Actor = { name: 'command line' }
const OPTIONS = { name: { type: 'string' }, role: { type: 'string', multiple: true } } as const

/** Makes, lists and revokes the tokens of the admin listener; through the running Kurir, or the ledger when none runs. */
export const tokenCommand: Command = {
  name: 'token',
  usage: 'create --name NAME --role ROLE… | list | revoke --name NAME',
  sentence: 'tokens for the admin listener',
  async run(args, context) {
    const { values, positionals } = optionsOf(args, OPTIONS)
    const settings = readSettings(context.environment)
    switch (positionals.length === 1 ? positionals[0] : undefined) {
      case 'create':
        return await create(settings, requireName(values.name), parseRoles(values.role), context)
      case 'list':
        return await list(settings, context)
      case 'revoke':
        return await revoke(settings, requireName(values.name), context)
      default:
        throw new UsageError('create, list or revoke?')
    }
  },
}

function requireName(name: string | undefined): string {
  if (name === undefined) throw new UsageError('--name is missing')
  return name
}

function parseRoles(given: readonly string[] | undefined): readonly Role[] {
  const names = (given ?? []).flatMap((text) => text.split(','))
  const roles = names.map((name) => ROLES.find((role) => role === name.trim().toUpperCase()))
  const known = roles.filter((role) => role !== undefined)
  if (known.length === 0 || known.length < roles.length) throw new UsageError(`--role takes ${ROLES.join(', ')}`)
  return [...new Set(known)]
}

async function create(
  settings: Settings,
  name: string,
  roles: readonly Role[],
  context: CommandContext,
): Promise<number> {
  const running = (await findRunning(settings)) !== undefined
  const isFirst = !running && !(await hasLedger(settings))
  const token = running
    ? await createRunning(settings, name, roles)
    : await withLedger(settings, (ledger) => createAlone(ledger, name, roles))
  context.print(token)
  context.complain(`This is the only time it is shown. ${name} holds ${roles.join(', ')}.`)
  if (isFirst) {
    context.complain(
      `No Kurir has run on ${settings.dataDir} yet: a ledger was made there. A Kurir on another KURIR_DATA_DIR does not know this token.`,
    )
  }
  return 0
}

async function createAlone(ledger: Ledger, name: string, roles: readonly Role[]): Promise<string> {
  const created = await createToken(ledger, { name, roles }, BY)
  if (created.kind === 'refused') throw refusedWith(created.sentence)
  return created.token.reveal()
}

const CREATE = `mutation($input: TokenCreateInput!) {
  tokenCreate(input: $input) { __typename ... on TokenCreateSuccess { token } ... on UserError { message } }
}`

async function createRunning(settings: Settings, name: string, roles: readonly Role[]): Promise<string> {
  const answer = (await askRunning(settings, CREATE, { input: { name, roles } })) as {
    readonly tokenCreate: { readonly token?: string; readonly message?: string }
  }
  const { token, message } = answer.tokenCreate
  if (token === undefined) throw refusedWith(message ?? 'The token was not made.')
  return token
}

const refusedWith = (sentence: string): KurirError => new KurirError('invalid-argument', 'permanent', sentence)

interface ListedToken {
  readonly name: string
  readonly roles: readonly Role[]
  readonly revokedAt: string | null
}

async function list(settings: Settings, context: CommandContext): Promise<number> {
  const tokens = (await findRunning(settings))
    ? ((await askRunning(settings, '{ tokens { name roles revokedAt } }')) as { tokens: readonly ListedToken[] }).tokens
    : await withOldLedger(settings, async (ledger) =>
        (await ledger.tokens()).map(({ name, roles, revokedAt }) => ({
          name,
          roles,
          revokedAt: revokedAt === null ? null : new Date(revokedAt).toISOString(),
        })),
      )
  for (const { name, roles, revokedAt } of tokens) {
    context.print(`${name}  ${roles.join(', ')}${revokedAt === null ? '' : `  revoked ${revokedAt}`}`)
  }
  return 0
}

async function revoke(settings: Settings, name: string, context: CommandContext): Promise<number> {
  const revoked = (await findRunning(settings))
    ? await revokeRunning(settings, name)
    : await withOldLedger(settings, (ledger) => ledger.tokenRevoke(name, BY))
  if (!revoked) throw new KurirError('not-found', 'permanent', `there is no token ${name} that works`)
  context.print(`${name} is revoked`)
  return 0
}

async function revokeRunning(settings: Settings, name: string): Promise<boolean> {
  const mutation = 'mutation($name: String!) { tokenRevoke(input: { name: $name }) { __typename } }'
  const answer = (await askRunning(settings, mutation, { name })) as { tokenRevoke: { __typename: string } }
  return answer.tokenRevoke.__typename === 'TokenRevokeSuccess'
}

/** Where none has ever run there is nothing to look at, and nothing is made. */
async function withOldLedger<T>(settings: Settings, act: (ledger: Ledger) => Promise<T>): Promise<T> {
  await requireLedger(settings)
  return await withLedger(settings, act)
}

/** No Kurir runs on this data directory, so this process is the one that writes. */
async function withLedger<T>(settings: Settings, act: (ledger: Ledger) => Promise<T>): Promise<T> {
  await mkdir(settings.dataDir, { recursive: true, mode: 0o700 })
  using _lock = lockDirectory(settings.dataDir)
  const file = path.join(settings.dataDir, LEDGER_FILE)
  await using ledger = await openSqliteLedger({ file, node: NODE, clock: systemClock })
  return await act(ledger)
}
