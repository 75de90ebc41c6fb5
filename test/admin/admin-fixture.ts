import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createMetrics, type MetricsRegistry } from '../../src/admin/metrics.ts'
import { type AdminSettings, createAdminServer } from '../../src/admin/server.ts'
import type {
  DestinationSource,
  HealthReport,
  HealthSource,
  Reload,
  RulesetOrder,
  RulesetSource,
  ShadowSource,
  ShadowWish,
} from '../../src/admin/sources.ts'
import { type Clock, instant, ms, systemClock } from '../../src/base/clock.ts'
import { KurirError } from '../../src/base/failure.ts'
import { idsFrom } from '../../src/base/id.ts'
import type { Log, LogFields } from '../../src/base/log.ts'
import { Secret } from '../../src/base/secret.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite/open.ts'
import { ROLES, type Role } from '../../src/ledger/states.ts'
import type { ShadowReport } from '../../src/report/shadow-report.ts'
import { loadRuleset } from '../../src/rules/load-ruleset.ts'
import type { Ruleset } from '../../src/rules/ruleset.ts'
import type { ServiceState, ServiceVerified } from '../../src/services/call.ts'
import { RULESET } from './admissions.ts'

/** A log that a test can read. */
export class ReadableLog implements Log {
  readonly lines: { readonly level: string; readonly event: string; readonly fields: LogFields }[] = []
  readonly #watchers = new Set<() => void>()

  debug = (event: string, fields: LogFields = {}): void => this.#write('debug', event, fields)
  info = (event: string, fields: LogFields = {}): void => this.#write('info', event, fields)
  warn = (event: string, fields: LogFields = {}): void => this.#write('warn', event, fields)
  error = (event: string, fields: LogFields = {}): void => this.#write('error', event, fields)

  text(): string {
    return this.lines.map((line) => JSON.stringify(line)).join('\n')
  }

  /** Resolves with the fields of the first line of that event. */
  async line(event: string): Promise<LogFields> {
    for (;;) {
      const found = this.lines.find((line) => line.event === event)
      if (found !== undefined) return found.fields
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#watchers.add(resolve)
      await promise
    }
  }

  #write(level: string, event: string, fields: LogFields): void {
    this.lines.push({ level, event, fields })
    for (const tell of this.#watchers) tell()
    this.#watchers.clear()
  }
}

/** Destinations as rules would declare them; the peer behind each answers as the test says. */
export class TestDestinations implements DestinationSource {
  readonly reachable = new Set<string>(['ARCHIVE'])
  hangs = false
  readonly asked = Promise.withResolvers<void>()

  names = (): readonly string[] => ['ARCHIVE', 'outbox', 'unset']

  declared(name: string) {
    if (name === 'ARCHIVE') return { kind: 'DIMSE', address: 'ARCHIVE@10.0.0.5:104' } as const
    return name === 'outbox' ? ({ kind: 'FOLDER', address: 'outbox/' } as const) : undefined
  }

  async verify(name: string) {
    this.asked.resolve()
    if (this.hangs) {
      await new Promise(() => undefined)
    }
    const reached = this.reachable.has(name)
    return { reached, took: ms(7), reason: reached ? null : 'connection-refused' }
  }
}

class TestRulesets implements RulesetSource {
  next: Reload | undefined = { kind: 'loaded', inForce: RULESET }
  readonly reloadedBy: string[] = []
  readonly rolledBack: (readonly [digest: string, reason: string, by: string, force: boolean])[] = []

  /** The rules in force, as a file of theirs. */
  text = 'version: 1\nrules: [ { name: everything, hold: as the test says } ]\n'

  inForce = () => RULESET

  matchedLastHour = (): number => 7

  compiled(): Ruleset {
    const loaded = loadRuleset([{ name: 'rules/00.yaml', bytes: Buffer.from(this.text) }], {})
    if (!('ruleset' in loaded)) throw new Error(loaded.problems.map(({ message }) => message).join('; '))
    return loaded.ruleset
  }

  async reload(by: { readonly name: string }): Promise<Reload> {
    this.reloadedBy.push(by.name)
    return this.next ?? { kind: 'refused', problems: [] }
  }

  async rollback(digest: string, reason: string, { by, force }: RulesetOrder): Promise<Reload | undefined> {
    this.rolledBack.push([digest, reason, by.name, force])
    return this.next
  }
}

/** A replay that ends when the test says so. */
class TestShadows implements ShadowSource {
  readonly wishes: ShadowWish[] = []
  #ending = Promise.withResolvers<ShadowReport>()
  progress: (instances: number) => void = () => undefined

  check: ShadowSource['check'] = (files) => {
    const loaded = loadRuleset(files, {})
    if ('problems' in loaded) return { kind: 'refused', problems: loaded.problems }
    return { kind: 'checked', digest: loaded.ruleset.digest }
  }

  async run(wish: ShadowWish, signal: AbortSignal, progress: (instances: number) => void): Promise<ShadowReport> {
    this.wishes.push(wish)
    this.progress = progress
    const aborted = Promise.withResolvers<never>()
    signal.addEventListener('abort', () => aborted.reject(new KurirError('aborted', 'transient', 'stopped')))
    return await Promise.race([this.#ending.promise, aborted.promise])
  }

  end(report: ShadowReport): void {
    this.#ending.resolve(report)
    this.#ending = Promise.withResolvers()
  }
}

/** A service that rests, and what it was asked last. */
class TestServices {
  now: readonly ServiceState[] = []
  verified: ServiceVerified | undefined
  hangs = false
  readonly asked = Promise.withResolvers<void>()

  states = (): readonly ServiceState[] => this.now

  async verify(): Promise<ServiceVerified | undefined> {
    this.asked.resolve()
    if (this.hangs) await new Promise(() => undefined)
    return this.verified
  }
}

class TestHealth implements HealthSource {
  now: HealthReport = {
    live: true,
    ready: true,
    version: '0.1.0',
    startedAt: instant(Date.UTC(2026, 10, 21)),
    spoolFree: 5_000_000_000,
    problems: [],
    ruleProblems: [],
  }

  report = (): HealthReport => this.now
}

/** A running admin on a ledger of its own, with a token for each role that is named like it. */
export interface AdminFixture extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly dir: string
  readonly ledger: Ledger
  /** Stops the server; the ledger stays open. */
  stop(): PromiseLike<void>
  readonly destinations: TestDestinations
  readonly rulesets: TestRulesets
  readonly health: TestHealth
  readonly shadows: TestShadows
  readonly services: TestServices
  readonly metrics: MetricsRegistry
  readonly log: ReadableLog
  ask(query: string, variables?: object, token?: string): Promise<Asked>
}

export interface Asked {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever came back
  readonly data: any
  readonly errors?: readonly { readonly message: string; readonly extensions: { readonly code: string } }[]
}

/** Changes what the admin is given, so that a test can break a part of it. */
export type Tweak = (ledger: Ledger) => Ledger

export async function startAdmin(
  settings: Partial<AdminSettings> = {},
  tweak: Tweak = (ledger) => ledger,
  clock: Clock = systemClock,
): Promise<AdminFixture> {
  const stack = new AsyncDisposableStack()
  const dir = await mkdtemp(path.join(tmpdir(), 'kurir-admin-'))
  stack.defer(() => rm(dir, { recursive: true, force: true }))
  const ledger = stack.use(
    await openSqliteLedger({ file: path.join(dir, 'ledger.db'), node: 'n1', clock: systemClock }),
  )
  for (const role of ROLES) await grant(ledger, role, [role])
  await grant(ledger, 'VIEWER_PHI', ['VIEWER', 'PHI_READER'])
  await grant(ledger, 'ADMIN_PHI', ['ADMIN', 'PHI_READER'])
  const metrics = stack.use(createMetrics())
  const parts = {
    destinations: new TestDestinations(),
    rulesets: new TestRulesets(),
    health: new TestHealth(),
    shadows: new TestShadows(),
    services: new TestServices(),
    log: new ReadableLog(),
  }
  const server = stack.use(
    await createAdminServer(
      { host: '127.0.0.1', port: 0, playgroundDir: path.join(dir, 'playground'), ...settings },
      { ...parts, ledger: tweak(ledger), metrics, clock, newId: idsFrom(systemClock) },
    ),
  )
  const port = await server.listen()
  const url = `http://127.0.0.1:${port}`
  const ask = (query: string, variables: object = {}, token = 'ADMIN_PHI') => post(url, { query, variables }, token)
  return {
    url,
    port,
    dir,
    ledger,
    metrics,
    ...parts,
    ask,
    stop: () => server[Symbol.asyncDispose](),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

/** The token's text is its name: a test can then say as whom it asks. */
async function grant(ledger: Ledger, name: string, roles: readonly Role[]): Promise<void> {
  await ledger.tokenCreate(new Secret(name), { name: name.toLowerCase(), roles }, { name: 'test' })
}

async function post(url: string, body: unknown, token: string): Promise<Asked> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  })
  const answer: object = JSON.parse(await response.text())
  return { status: response.status, data: undefined, ...answer }
}
