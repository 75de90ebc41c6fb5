import type { Milliseconds } from '../base/clock.ts'

/** Text with places for arguments: `/orders/{accession}` is `['/orders/', { argument: 'accession' }]`. */
export type CallTemplate = readonly (string | { readonly argument: string })[]

/** A JSON document whose texts are templates. */
export type JsonTemplate =
  | { readonly kind: 'text'; readonly text: CallTemplate }
  | { readonly kind: 'list'; readonly items: readonly JsonTemplate[] }
  | { readonly kind: 'map'; readonly entries: readonly (readonly [string, JsonTemplate])[] }

export interface NamedTemplate {
  readonly name: string
  readonly value: CallTemplate
}

export const CALL_METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const
export type CallMethod = (typeof CALL_METHODS)[number]

/** One request that a rule file declares by name, with what its answers mean. Plain data. */
export interface DeclaredCall {
  readonly name: string
  readonly method: CallMethod
  /** Path and query, beginning with `/`; put behind the path of the service's URL. */
  readonly path: CallTemplate
  readonly headers: readonly NamedTemplate[]
  readonly body:
    | { readonly kind: 'json'; readonly json: JsonTemplate }
    | { readonly kind: 'form'; readonly fields: readonly NamedTemplate[] }
    | undefined
  /** Undefined: the service's own. */
  readonly timeout: Milliseconds | undefined
  /** Asked: statuses under which what was asked for is there; 200 unless said. */
  readonly found: readonly number[]
  /** Asked: statuses under which it is not; 404 unless said. */
  readonly missing: readonly number[]
  /** Told: statuses that take it. Undefined: every 2xx. */
  readonly accept: readonly number[] | undefined
  /** Told: statuses that mean "you told me before". */
  readonly already: readonly number[]
  /** What of a found answer is kept: field to JSON Pointer (RFC 6901). */
  readonly keep: readonly { readonly field: string; readonly pointer: string }[]
  /** Every argument named in path, headers or body, each once. */
  readonly arguments: readonly string[]
}
