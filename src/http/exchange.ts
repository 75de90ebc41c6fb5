import type { Milliseconds } from '../base/clock.ts'

/** Every wait of a request has an end. */
export interface HttpTimeouts {
  /** From the request's last byte, or from the last byte that the peer took, to the answer's headers. */
  readonly headers: Milliseconds
  /** Between two pieces of the answer's body. */
  readonly body: Milliseconds
  /** All of it, redirects included; undefined: no such limit (a large upload that moves is no failure). */
  readonly total: Milliseconds | undefined
}

export type HttpMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

export interface HttpSend {
  readonly method: HttpMethod
  /** Absolute, of the client's own origin. */
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  /** A function gives a new stream for each try; it is read no faster than the peer takes it. */
  readonly body?: Uint8Array | (() => AsyncIterable<Uint8Array>)
  readonly timeouts?: Partial<HttpTimeouts>
  /** More than this of a body is not read: the request fails with `answer-too-large`. */
  readonly maxResponseBytes?: number
}

/** Any answer at all, whatever its status. */
export interface HttpAnswer {
  readonly status: number
  /** Lower-case names; of a repeated header the values joined by a comma (RFC 9110 5.3). */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}
