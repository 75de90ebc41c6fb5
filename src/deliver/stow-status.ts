import type { Milliseconds } from '../base/clock.ts'
import { judgeStoreStatus, type StatusContext } from './status-table.ts'
import type { SaidOfInstance } from './stow-answer.ts'
import type { Verdict } from './verdict.ts'

export interface StowContext extends StatusContext {
  /** Whether the request carried this instance only, so that what is said of the request is said of it. */
  readonly alone: boolean
  /** Whether the body lists what became of the instances; then silence on one is no success. */
  readonly lists: boolean
  /** Whether a page for people came in a store's stead. */
  readonly isWebPage: boolean
  /** Whether this instance had left whole, so that somebody behind the one who answered may have it. */
  readonly hasLeft: boolean
  /** What Retry-After asked for. */
  readonly rest: Milliseconds | undefined
}

type Row = (context: StowContext) => Omit<Verdict, 'status'>

const delivered = (reason: string | null): Row => {
  const verdict = { state: 'DELIVERED', scope: null, retry: null, reason } as const
  return () => verdict
}
const again = (reason: string): Omit<Verdict, 'status'> => ({
  state: 'READY',
  scope: 'object',
  retry: 'transient',
  reason,
})
const rejected = (reason: string): Omit<Verdict, 'status'> => ({
  state: 'REJECTED',
  scope: 'object',
  retry: 'permanent',
  reason,
})
/** A word on the request is a word on one of its instances, nobody knows which: each is asked again by itself. */
const believedAlone =
  (reason: string): Row =>
  (context) =>
    context.alone ? rejected(reason) : again(reason)
/** Nothing gets through now. What others got through since has its own trouble. */
const resting =
  (reason: string): Row =>
  ({ othersTaken, rest }) =>
    othersTaken
      ? again(reason)
      : { state: 'READY', scope: 'destination', retry: 'transient', reason, ...(rest === undefined ? {} : { rest }) }
const conflict: Row = (context) =>
  context.maybeTaken ? delivered('already-there')(context) : believedAlone('conflict')(context)

const taken: Row = (context) => (context.lists ? again('not-confirmed') : delivered(null)(context))

/** A gateway speaks for itself (RFC 9110 15.6.3, 15.6.5): what the store behind it did nobody knows. */
const gateway: Row = (context) => ({ ...SERVER_ERROR(context), retry: context.hasLeft ? 'ambiguous' : 'transient' })

const SERVER_ERROR = resting('server-error')
const NO_SERVICE = resting('no-such-service')

// PS3.18 table 10.5.3-1 and RFC 9110, for an instance of which the body says nothing.
const BY_STATUS: ReadonlyMap<number, Row> = new Map<number, Row>([
  [200, taken],
  [201, taken],
  [202, (context) => (context.alone && !context.lists ? delivered('not-confirmed')(context) : again('not-confirmed'))],
  [204, taken],
  [400, believedAlone('bad-request')],
  [401, resting('not-authorized')],
  [403, resting('not-authorized')],
  [404, NO_SERVICE],
  [405, NO_SERVICE],
  [406, NO_SERVICE],
  [408, resting('timeout')],
  [409, conflict],
  [413, believedAlone('too-large')],
  [415, believedAlone('media-type-not-supported')],
  [422, believedAlone('bad-request')],
  [429, resting('too-many-requests')],
  [502, gateway],
  [504, gateway],
  [507, resting('out-of-resources')],
])

function rowOf(status: number): Row {
  const row = BY_STATUS.get(status)
  if (row !== undefined) return row
  if (status >= 500) return SERVER_ERROR
  if (status >= 300 && status < 400) return resting('redirected')
  return status < 300 ? taken : believedAlone('bad-request')
}

/** Words on the caller or on the whole service: no list of instances goes with them. */
const isOfDestination = (status: number): boolean =>
  status >= 500 || [401, 403, 404, 405, 406, 408, 429].includes(status) || (status >= 300 && status < 400)

/**
 * What a STOW-RS answer means for one of its instances (PS3.18 10.5.3): what the body says of it, by the table of C-STORE
 * statuses, which failure reasons share (PS3.18 table I.2-2); else the status of the request.
 */
export function judgeStowAnswer(status: number, said: SaidOfInstance | undefined, context: StowContext): Verdict {
  if (said !== undefined && !isOfDestination(status)) {
    if (said.kind === 'stored')
      return { ...delivered(said.warning ? 'warning' : null)(context), status: String(status) }
    if (said.reason !== undefined) return judgeStoreStatus(said.reason, context)
    return { ...conflict({ ...context, alone: true }), status: String(status) }
  }
  const row = status < 300 && context.isWebPage ? NO_SERVICE : rowOf(status)
  return { ...row(context), status: String(status) }
}
