import { parseUid, type SopClassUid, type TransferSyntaxUid } from '../dicom/uid.ts'
import { type Need, needKey } from './context-plan.ts'

/** How many needs are remembered: what a site's modalities make in a day, with room for the batch beside it. */
const REMEMBERED = 48

/** What a destination lately needed and lately refused, kept as text in the ledger so that it survives a restart. */
export class DestinationNotes {
  readonly #needed = new Map<string, Need>()
  readonly #refused = new Map<string, Need>()
  #changed = false

  /** @param text as `toText` wrote it; anything else is as good as none */
  constructor(text: string | null) {
    const { needed, refused } = readNotes(text)
    for (const need of needed) this.#needed.set(needKey(need), need)
    for (const need of refused) this.#refused.set(needKey(need), need)
  }

  /** The latest last. */
  get needed(): Iterable<Need> {
    return this.#needed.values()
  }

  get refused(): Iterable<Need> {
    return this.#refused.values()
  }

  used(need: Need): void {
    this.#refused.delete(needKey(need)) && this.#touch()
    this.#remember(this.#needed, need)
  }

  refuse(need: Need): void {
    this.#needed.delete(needKey(need)) && this.#touch()
    this.#remember(this.#refused, need)
  }

  /** What to write down, when there is something new; then it counts as written. */
  takeChanges(): string | undefined {
    if (!this.#changed) return undefined
    this.#changed = false
    const list = (needs: Map<string, Need>): string[] => [...needs.keys()]
    return JSON.stringify({ needed: list(this.#needed), refused: list(this.#refused) })
  }

  #remember(needs: Map<string, Need>, need: Need): void {
    const key = needKey(need)
    if (needs.has(key)) return
    needs.set(key, need)
    const oldest = needs.size > REMEMBERED ? needs.keys().next().value : undefined
    if (oldest !== undefined) needs.delete(oldest)
    this.#touch()
  }

  #touch(): void {
    this.#changed = true
  }
}

function readNotes(text: string | null): { readonly needed: readonly Need[]; readonly refused: readonly Need[] } {
  try {
    const notes: unknown = JSON.parse(text ?? '{}')
    if (typeof notes !== 'object' || notes === null) return { needed: [], refused: [] }
    return {
      needed: 'needed' in notes ? readNeeds(notes.needed) : [],
      refused: 'refused' in notes ? readNeeds(notes.refused) : [],
    }
  } catch {
    return { needed: [], refused: [] }
  }
}

function readNeeds(list: unknown): readonly Need[] {
  if (!Array.isArray(list)) return []
  return list.slice(-REMEMBERED).flatMap((entry: unknown) => {
    const [first = '', second = ''] = typeof entry === 'string' ? entry.split(' ') : []
    const sopClass = parseUid<SopClassUid>(first)
    const transferSyntax = parseUid<TransferSyntaxUid>(second)
    return sopClass === undefined || transferSyntax === undefined ? [] : [{ sopClass, transferSyntax }]
  })
}
