/**
 * How much memory peers may make us hold before they have an association: one budget for all of them, so that many
 * large A-ASSOCIATE-RQs together cannot exhaust the process.
 */
export class ByteBudget {
  readonly #limit: number
  #taken = 0

  /** @param limit bytes */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** False, and nothing taken, when that many bytes are not left. */
  take(bytes: number): boolean {
    if (this.#taken + bytes > this.#limit) return false
    this.#taken += bytes
    return true
  }

  give(bytes: number): void {
    this.#taken -= bytes
  }

  get taken(): number {
    return this.#taken
  }
}
