import { type Clock, elapsed, type Instant, type Milliseconds, ms } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { HttpReach } from '../http/reach.ts'
import type {
  CallOutcome,
  LastAnswer,
  ServiceCall,
  ServiceSettings,
  ServiceState,
  Services,
  ServiceVerified,
} from './call.ts'
import { again } from './judgement.ts'
import { LastAnswers } from './last-answers.ts'
import { ServiceLine, type Verb } from './service-line.ts'
import { SharedAsks } from './shared-asks.ts'

export interface HttpServicesDeps {
  /** The services in force, read at each call: a corrected address reaches what waits. */
  readonly settings: () => ReadonlyMap<string, ServiceSettings>
  readonly clock: Clock
  readonly random: () => number
  readonly log: Pick<Log, 'info' | 'warn'>
  readonly meter: ServiceMeter
}

/** What is counted of calls. */
export interface ServiceMeter {
  serviceCalled(service: string, verb: 'ask' | 'tell', outcome: CallOutcome['kind'], took: Milliseconds): void
}

interface Line {
  readonly line: ServiceLine
  /** What it was made from. */
  readonly reach: string
}

/** The declared services over HTTP. Nothing is connected to before the first call. */
export class HttpServices implements Services, AsyncDisposable {
  readonly #deps: HttpServicesDeps
  readonly #lines = new Map<string, Line>()
  readonly #last = new Map<string, LastAnswers>()
  readonly #asks = new SharedAsks<CallOutcome>()
  readonly #listeners: ((service: string) => void)[] = []
  readonly #retiring = new Set<ServiceLine>()

  constructor(deps: HttpServicesDeps) {
    this.#deps = deps
  }

  ask(call: ServiceCall, signal: AbortSignal): Promise<CallOutcome> {
    return this.#asks.ask(keyOf(call), (shared) => this.#call('ask', call, shared), signal)
  }

  tell(call: ServiceCall, signal: AbortSignal): Promise<CallOutcome> {
    return this.#call('tell', call, signal)
  }

  states(): readonly ServiceState[] {
    return [...this.#deps.settings().values()].map((settings) => this.#stateOf(settings))
  }

  async verify(name: string, signal: AbortSignal): Promise<ServiceVerified | undefined> {
    const settings = this.#deps.settings().get(name)
    if (settings === undefined) return undefined
    const from = this.#deps.clock.monotonic()
    if (settings.reach.kind === 'http') return await this.#lineOf(name, settings.reach.http).verify(signal)
    const took = elapsed(from, this.#deps.clock.monotonic())
    return { reached: false, took, status: null, reason: whyNot(settings.reach) }
  }

  onReturn(listener: (service: string) => void): void {
    this.#listeners.push(listener)
  }

  /** After other rules are in force: closes what is gone or reached otherwise, and tells who waits for those. */
  reconfigure(): void {
    const settings = this.#deps.settings()
    for (const [name, { line, reach }] of this.#lines) {
      const now = settings.get(name)?.reach
      if (now?.kind === 'http' && JSON.stringify(now.http) === reach) continue
      this.#lines.delete(name)
      this.#retire(line)
    }
    for (const name of this.#last.keys()) if (!settings.has(name)) this.#last.delete(name)
    // What failed for want of configuration waits as well.
    for (const name of settings.keys()) if (!this.#lines.has(name)) this.#returned(name)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const lines = [...[...this.#lines.values()].map(({ line }) => line), ...this.#retiring]
    this.#lines.clear()
    await Promise.all(lines.map((line) => line[Symbol.asyncDispose]()))
  }

  async #call(verb: Verb, call: ServiceCall, signal: AbortSignal): Promise<CallOutcome> {
    const settings = this.#deps.settings().get(call.service)
    const declared = settings?.calls.get(call.call)
    if (settings === undefined) return notDeclared('the rules have no such service')
    if (declared === undefined) return notDeclared('the service has no such call in the rules')
    if (settings.reach.kind !== 'http') return notDeclared(whyNot(settings.reach))
    const { clock } = this.#deps
    const [at, from] = [clock.now(), clock.monotonic()]
    const line = this.#lineOf(call.service, settings.reach.http)
    const outcome = await line.call(verb, declared, call.arguments, signal)
    const took = elapsed(from, clock.monotonic())
    this.#deps.meter.serviceCalled(call.service, verb, outcome.kind, took)
    this.#remember(call, outcome, { at, took })
    return outcome
  }

  #lineOf(name: string, http: HttpReach): ServiceLine {
    const reach = JSON.stringify(http)
    const known = this.#lines.get(name)
    if (known?.reach === reach) return known.line
    if (known !== undefined) this.#retire(known.line)
    const { clock, random, log } = this.#deps
    const line = new ServiceLine(http, { service: name, clock, random, log, returned: () => this.#returned(name) })
    this.#lines.set(name, { line, reach })
    return line
  }

  #retire(line: ServiceLine): void {
    this.#retiring.add(line)
    const end = (): void => void this.#retiring.delete(line)
    line.retire().then(end, end)
  }

  #returned(name: string): void {
    for (const listener of this.#listeners) listener(name)
  }

  #remember(call: ServiceCall, outcome: CallOutcome, when: Pick<LastAnswer, 'at' | 'took'>): void {
    const answers = this.#last.get(call.service) ?? new LastAnswers()
    this.#last.set(call.service, answers)
    const reason = outcome.kind === 'again' || outcome.kind === 'refused' ? outcome.reason : null
    const said = { outcome: outcome.kind, status: outcome.status, reason }
    answers.add({ ...when, call: call.call, arguments: call.arguments, ...said })
  }

  #stateOf(settings: ServiceSettings): ServiceState {
    const { name, reach } = settings
    const last = this.#last.get(name)?.newest ?? []
    const common = { name, last, since: null, until: null }
    if (reach.kind !== 'http') {
      const kind = reach.kind === 'satusehat' ? ('satusehat' as const) : ('http' as const)
      return { ...common, kind, address: null, state: 'NOT_CONFIGURED', reason: whyNot(reach) }
    }
    const http = { ...common, kind: 'http', address: reach.http.url } as const
    const rest = this.#lines.get(name)?.line.rest
    if (rest === undefined) return { ...http, state: 'READY', reason: null }
    const { since, until, reason }: { since: Instant; until: Instant; reason: string } = rest
    return { ...http, state: 'RESTING', since, until, reason }
  }
}

/** Only a person brings it back: thousands that wait must not all come again every few seconds. */
const notDeclared = (reason: string): CallOutcome => again('service', reason, null, NOT_DECLARED_WAIT)
const NOT_DECLARED_WAIT = ms(60_000)

type NotReached = Exclude<ServiceSettings['reach'], { readonly kind: 'http' }>

const whyNot = (reach: NotReached): string =>
  reach.kind === 'not-configured'
    ? `not-configured: ${reach.unset.join(', ')} is not set`
    : 'not-configured: asking SATUSEHAT is not part of this version'

const keyOf = ({ service, call, arguments: values }: ServiceCall): string =>
  JSON.stringify([service, call, Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1))])
