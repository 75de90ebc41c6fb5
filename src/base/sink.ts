/**
 * Anything that receives the bytes of one object: a C-STORE data set, a C-GET sub-operation, a STOW-RS part, an upload.
 *
 * `write` gives back pressure: the caller awaits it before it reads on, and may reuse the slice afterwards. `end`
 * resolves with what became of the object once that is durable. `abort` leaves nothing behind. After either of the last
 * two nothing else is called.
 */
export interface Sink<Result> {
  write(slice: Uint8Array): Promise<void> | void
  end(): Promise<Result>
  abort(): Promise<void>
}
