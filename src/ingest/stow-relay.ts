import { type Clock, elapsed, type Milliseconds, ms } from '../base/clock.ts'
import type { FailureCode } from '../base/failure.ts'
import type { Wakes } from '../base/wake.ts'
import { REASON } from '../dicomweb/store-response.ts'
import type { InstanceId } from '../ledger/ids.ts'
import type { DeliveryRow, LedgerViews } from '../ledger/views.ts'
import type { StowOutcome, StowResult } from './stow-outcomes.ts'

/** Who calls whom: the path of a relay, as it was given. */
export interface RelayPair {
  readonly callingAe: string
  readonly calledAe: string
}

export interface RelayDeps {
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>
  readonly views: Pick<LedgerViews, 'instance' | 'deliveries' | 'attempts'>
  readonly wakes: Pick<Wakes, 'next'>
  /** The destination of the rules that is called by that title and hears the other; undefined where there is none. */
  readonly destinationOf: (pair: RelayPair) => string | undefined
}

/** Between two looks into the books, however often something is settled: at first soon, then seldom. */
const FIRST_PAUSE = ms(10)
const LAST_PAUSE = ms(1_000)
/** Without a wake: what an operator cancels wakes nobody. */
const LOOK_ANYWAY = ms(5_000)

const AE_TITLE = /^[\x20-\x5b\x5d-\x7e]{1,16}$/

/** The two titles of a relay's path; undefined for what is no AE title. */
export function relayPair({ scu, scp }: { readonly scu: string; readonly scp: string }): RelayPair | undefined {
  const [callingAe, calledAe] = [scu.trim(), scp.trim()]
  return AE_TITLE.test(callingAe) && AE_TITLE.test(calledAe) ? { callingAe, calledAe } : undefined
}

/** What became of what was stored, as far as the archive has answered. */
export interface RelayResult extends StowResult {
  readonly delivered: number
  /** Still to be delivered: nothing is lost, and nothing has failed. */
  readonly pending: number
}

type Relayed =
  | { readonly state: 'delivered' | 'pending' }
  | { readonly state: 'refused'; readonly outcome: StowOutcome }

/** Waits until everything that was stored has been settled by the archive, for as long as it may. */
export async function awaitRelay(
  deps: RelayDeps,
  destination: string,
  result: StowResult,
  wait: Milliseconds,
  signal: AbortSignal,
): Promise<RelayResult> {
  const { clock } = deps
  const from = clock.monotonic()
  const settled = new Map<StowOutcome, Relayed>()
  const stored = result.outcomes.filter((outcome) => outcome.kind === 'stored')
  for (let pause: Milliseconds = FIRST_PAUSE; ; pause = ms(Math.min(LAST_PAUSE, pause * 1.5))) {
    const lookedAt = clock.monotonic()
    using watch = new SettledWatch(deps, signal)
    for (const outcome of stored) {
      if (settled.has(outcome)) continue
      const relayed = await relayedOf(deps, destination, outcome)
      if (relayed.state !== 'pending') settled.set(outcome, relayed)
    }
    const left = wait - elapsed(from, clock.monotonic())
    if (left <= 0 || signal.aborted || settled.size === stored.length) return resultOf(result, settled)
    await watch.next(Math.min(LOOK_ANYWAY, left))
    await watch.rest(Math.min(pause - elapsed(lookedAt, clock.monotonic()), left))
  }
}

/** Watches from before a look: whatever is settled after it has been made ends the wait. */
class SettledWatch implements Disposable {
  readonly #clock: Pick<Clock, 'sleep'>
  readonly #over = new AbortController()
  readonly #signal: AbortSignal
  readonly #woken: Promise<void>

  constructor({ clock, wakes }: Pick<RelayDeps, 'clock' | 'wakes'>, signal: AbortSignal) {
    this.#clock = clock
    this.#signal = AbortSignal.any([signal, this.#over.signal])
    this.#woken = wakes.next('settled', this.#signal)
  }

  /** Resolves when something has been settled, or after so many milliseconds. */
  async next(most: number): Promise<void> {
    await Promise.race([this.#woken, this.rest(most)])
  }

  async rest(wait: number): Promise<void> {
    if (wait > 0) await this.#clock.sleep(ms(wait), this.#signal).catch(() => {})
  }

  [Symbol.dispose](): void {
    this.#over.abort()
  }
}

function resultOf(result: StowResult, settled: ReadonlyMap<StowOutcome, Relayed>): RelayResult {
  const outcomes = result.outcomes.map((outcome) => {
    const relayed = settled.get(outcome)
    return relayed?.state === 'refused' ? relayed.outcome : outcome
  })
  const delivered = [...settled.values()].filter(({ state }) => state === 'delivered').length
  const pending = result.outcomes.filter((outcome) => outcome.kind === 'stored' && !settled.has(outcome)).length
  return { ...result, outcomes, delivered, pending }
}

async function relayedOf(
  deps: RelayDeps,
  destination: string,
  outcome: Extract<StowOutcome, { kind: 'stored' }>,
): Promise<Relayed> {
  const { id } = outcome.taken
  const delivery = (await newest(deps, id, destination)) ?? (await standing(deps, id, destination))
  if (delivery === undefined) return { state: 'pending' }
  switch (delivery.state) {
    case 'DELIVERED':
      return { state: 'delivered' }
    case 'REJECTED':
    case 'FAILED':
    case 'CANCELLED':
      return { state: 'refused', outcome: await refusalOf(deps, outcome, delivery) }
    case 'READY':
    case 'SENDING':
    case 'AWAITING_COMMITMENT':
    case 'HELD':
      return { state: 'pending' }
    default:
      return delivery.state satisfies never
  }
}

/** Of an instance that rules send elsewhere as well, the one to this destination. */
async function newest(deps: RelayDeps, instance: InstanceId, destination: string): Promise<DeliveryRow | undefined> {
  return (await deps.views.deliveries({ instance, destination }, { first: 1 })).rows[0]?.row
}

/** The same bytes on their way already make no second delivery: once that is decided, the first stands for both. */
async function standing(deps: RelayDeps, instance: InstanceId, destination: string): Promise<DeliveryRow | undefined> {
  const of = (await deps.views.instance(instance))?.duplicateOf ?? undefined
  return of === undefined ? undefined : newest(deps, of, destination)
}

/** With what the archive answered last, where it answered with a status (PS3.4 B.2.3, which PS3.18 I.2 takes over). */
async function refusalOf(
  deps: RelayDeps,
  { announced }: Extract<StowOutcome, { kind: 'stored' }>,
  delivery: DeliveryRow,
): Promise<StowOutcome> {
  const attempt = (await deps.views.attempts(delivery.id, { first: 1 })).rows[0]?.row
  const status = /^0x[0-9A-F]{4}$/i.test(attempt?.status ?? '') ? Number(attempt?.status) : undefined
  const code: FailureCode = 'refused'
  return { kind: 'failed', announced, reason: status ?? REASON.processingFailure, code }
}
