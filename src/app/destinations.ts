import { type Milliseconds, ms } from '../base/clock.ts'
import type { Dispatchers } from '../deliver/dispatchers.ts'
import type { Destination } from '../rules/destination.ts'

interface Shown {
  readonly kind: 'DIMSE' | 'FOLDER' | 'STOW' | 'SATUSEHAT' | 'HTTP'
  /** `ARCHIVE@10.0.0.5:104`, a folder, a URL. Never a secret. */
  readonly address: string
}

/** The destinations of the rules in force as the admin shows them. */
export class DeclaredDestinations {
  readonly #declared: () => ReadonlyMap<string, Destination>
  readonly #dispatchers: Pick<Dispatchers, 'verify'>

  constructor(declared: () => ReadonlyMap<string, Destination>, dispatchers: Pick<Dispatchers, 'verify'>) {
    this.#declared = declared
    this.#dispatchers = dispatchers
  }

  names(): readonly string[] {
    return [...this.#declared().keys()]
  }

  declared(name: string): Shown | undefined {
    const reach = this.#declared().get(name)?.reach
    switch (reach?.kind) {
      case 'dimse': {
        const { aeTitle, host, port } = reach.dimse.ae
        return { kind: 'DIMSE', address: `${aeTitle}@${host.includes(':') ? `[${host}]` : host}:${port}` }
      }
      case 'folder':
        return { kind: 'FOLDER', address: reach.folder.path }
      case 'stow':
        return { kind: 'STOW', address: reach.stow.reach.url }
      case 'satusehat':
        return { kind: 'SATUSEHAT', address: reach.satusehat.reach.url }
      case 'http':
        return { kind: 'HTTP', address: reach.http.reach.url }
      case 'not-configured':
      case undefined:
        return undefined
      default:
        return reach satisfies never
    }
  }

  async verify(
    name: string,
    signal: AbortSignal,
  ): Promise<{ readonly reached: boolean; readonly took: Milliseconds; readonly reason: string | null }> {
    signal.throwIfAborted()
    const verified = await this.#dispatchers.verify(name)
    signal.throwIfAborted()
    return verified ?? { reached: false, took: ms(0), reason: 'not-configured' }
  }
}
