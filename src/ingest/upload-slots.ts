/** How many bodies may be on their way in at once. */
export interface UploadLimits {
  readonly total: number
  /** Of one address. */
  readonly perPeer: number
}

/** One body on its way in, until `release`. */
export interface UploadSlot {
  release(): void
}

/** Counts the bodies on their way in, so that no crowd of callers, and no one of them, takes all the memory there is. */
export class UploadSlots {
  readonly #limits: UploadLimits
  readonly #byPeer = new Map<string, number>()
  #total = 0

  constructor(limits: UploadLimits) {
    this.#limits = limits
  }

  /** A slot, or who has too many: everybody together, or this address. */
  take(peer: string): UploadSlot | 'all' | 'peer' {
    const open = this.#byPeer.get(peer) ?? 0
    if (this.#total >= this.#limits.total) return 'all'
    if (open >= this.#limits.perPeer) return 'peer'
    this.#total += 1
    this.#byPeer.set(peer, open + 1)
    let held = true
    return {
      release: () => {
        if (held) this.#giveBack(peer)
        held = false
      },
    }
  }

  #giveBack(peer: string): void {
    this.#total -= 1
    const open = (this.#byPeer.get(peer) ?? 1) - 1
    if (open === 0) this.#byPeer.delete(peer)
    else this.#byPeer.set(peer, open)
  }
}
