import type { ClaimedDelivery } from '../ledger/ledger.ts'
import type { Unreachable } from './failure-scope.ts'
import type { Outgoing } from './outgoing.ts'
import type { Verdict } from './verdict.ts'

/** What became of one try. */
export interface Sent {
  readonly verdict: Verdict
  /** SHA-256 of the data set after its edits; null when it was not sent to its end. */
  readonly sha256: string | null
  /** The destination was there, though it was not asked about this one. */
  readonly isThere?: true
}

/** What became of one delivery of several. */
export interface SentOf {
  readonly delivery: ClaimedDelivery
  readonly sent: Sent
}

/** Instances that go together, handed over one by one so that none waits in memory for the others. */
export interface Batch {
  readonly first: Outgoing
  /** Another that suits the line; undefined: no more. Each is answered for, and read to its end or discarded. */
  readonly next: () => Outgoing | undefined
  readonly othersTaken: (delivery: ClaimedDelivery) => boolean
}

/** One open way to a destination: an association, or a folder. One instance is on it at a time. */
export interface Line extends AsyncDisposable {
  readonly isOpen: boolean
  /** Whether the delivery can be tried on this line as it was opened. */
  suits(delivery: ClaimedDelivery): boolean
  /** Sends one instance. Never rejects: whatever happens is a verdict. */
  send(outgoing: Outgoing, othersTaken: boolean): Promise<Sent>
  /** Where a destination takes several in one request: sends them so, and tells of each. Never rejects. */
  sendTogether?(batch: Batch): Promise<readonly SentOf[]>
  /** Gives up what is on its way, at once. */
  abort(): void
}

export type Connected =
  | { readonly kind: 'line'; readonly line: Line }
  | ({ readonly kind: 'unreachable' } & Unreachable)

/** Reaches one destination as it is configured. Made anew when its configuration changes. */
export interface Sender {
  /** At most this many lines at once. */
  readonly lines: number
  /** Opens a line for `first`, and for as many of `others` as fit on it. The signal ends the try, and the line, at once. */
  connect(first: ClaimedDelivery, others: readonly ClaimedDelivery[], signal: AbortSignal): Promise<Connected>
  /** Whether a line for one delivery is no word on another: what a refusal of it would not say about the rest. */
  sharesLine(one: ClaimedDelivery, other: ClaimedDelivery): boolean
  /** Looks whether somebody is there; undefined when somebody is. */
  probe(signal: AbortSignal): Promise<Unreachable | undefined>
  /** No line is asked for any more: what it keeps open ends with the last line. */
  retire?(): Promise<void>
}
