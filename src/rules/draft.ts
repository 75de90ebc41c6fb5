import { type AttributePath, formatTag, type PathStep } from '../dicom/attribute-path.ts'
import type { Facts, HeaderView, Writing } from './facts.ts'
import type { Keys } from './keys.ts'
import { type AnswerName, type AttributeName, comparable, isSaid, type Name, ourValues } from './name.ts'
import { nameOfPath } from './path-text.ts'

/** What a rewrite made of one element so far. */
export interface Drafted {
  /** Its path has the number of each item on the way. */
  readonly name: AttributeName
  readonly vr: string
  /** Null: removed. Empty: there, without a value or without items. */
  readonly values: readonly string[] | null
  /** The verb that was the last to change it. */
  readonly verb: string
  /** Taken as it came from an element of the same VR, so a length that was received may stand. */
  readonly asReceived: boolean
}

/** Verbs that must have seen all of an instance: what they could not look into holds it. */
export type Look = 'uid' | 'private'

/** A sequence that was written into. */
export interface Made {
  readonly sequence: AttributePath
  readonly items: number
}

export interface Refused {
  readonly hold: string
}

/** What stands around an instance for a rule: the answers to the lookups around it, and its study. */
export type Around = (name: AnswerName | (Name & { readonly kind: 'study' })) => readonly string[]

/** The working copy of a rewrite: what the verbs changed, over the header as received. */
export class Draft {
  readonly facts: Facts
  readonly keys: Keys
  /** Whether what was replaced is to be kept beside it. */
  recordsOriginal = false
  readonly #around: Around
  readonly #drafted: Map<string, Drafted>
  /** Sequences whose received items are gone. */
  readonly #cleared: Set<string>
  /** How many items sequences have at least, by what was written into them. */
  readonly #made: Map<string, Made>
  readonly #looks: Set<Look>
  #refusal: string | undefined
  #announced: string | undefined

  /** @param from what stands there already */
  constructor(facts: Facts, keys: Keys, around: Around = () => [], from?: Draft) {
    this.facts = facts
    this.keys = keys
    this.#around = around
    this.#drafted = new Map(from === undefined ? [] : from.#drafted)
    this.#cleared = new Set(from === undefined ? [] : from.#cleared)
    this.#made = new Map(from === undefined ? [] : from.#made)
    this.#looks = new Set(from === undefined ? [] : from.#looks)
    this.#refusal = from?.refusal
    this.#announced = from?.sopInstanceUid
    this.recordsOriginal = from?.recordsOriginal ?? false
  }

  /** A copy that goes its own way: a child's verbs never reach its parent or siblings. */
  fork(around: Around = this.#around): Draft {
    return new Draft(this.facts, this.keys, around, this)
  }

  /** The SOP Instance UID under which it would leave. */
  get sopInstanceUid(): string {
    return this.#drafted.get(SOP_INSTANCE_UID)?.values?.[0] ?? this.#announced ?? this.facts.sopInstanceUid
  }

  /** Where the data set itself does not say its SOP Instance UID: what is said of it in its place. */
  announce(sopInstanceUid: string): void {
    this.#announced = sopInstanceUid
  }

  /** What must have been seen whole for the outcome to be right. */
  get looks(): ReadonlySet<Look> {
    return this.#looks
  }

  /** Why it cannot leave, whatever else is done to it. */
  get refusal(): string | undefined {
    return this.#refusal
  }

  refuse(reason: string): void {
    this.#refusal ??= reason
  }

  lookInto(look: Look): void {
    this.#looks.add(look)
  }

  /**
   * The elements that a verb means by a name: one for each item that stands at the place of a step without number.
   *
   * @param making whether the verb may make what is not there: an item only right behind the last one
   */
  places(name: AttributeName, making: boolean): readonly AttributeName[] | Refused {
    if (name.path.length === 1) return [name]
    const paths = this.#expand(name.path, making)
    if ('closed' in paths) return { hold: `${nameOfPath(paths.closed)} cannot be looked into` }
    if ('gap' in paths) return { hold: `${name.text} would leave a gap: the sequence has ${paths.items} items` }
    return paths.map((path) => ({ ...name, path }))
  }

  /**
   * The values as they stand now, raw, those of all items one behind the other; of a name of ours its text. One that is there
   * and cannot be read, as it is too large for a header or no text, makes the working copy refuse: what is to be done with it
   * would be left undone.
   */
  values(name: Name): readonly string[] {
    if (name.kind === 'ours') return ourValues(name.name, this.facts).slice(0, 1)
    if (name.kind !== 'attribute') return this.#around(name)
    return this.#paths(name.path).flatMap((path) => {
      const values = this.#valuesAt(path)
      if (values === undefined) this.refuse(`the value of ${name.text} is too large, or no text`)
      return values ?? []
    })
  }

  /** The values as rules compare them; bytes have none. */
  comparables(name: Name): readonly string[] {
    if (name.kind !== 'attribute') return this.values(name)
    if (OPAQUE.has(this.facts.header.vr(name.path) ?? '') && !this.#isReadable(name)) return []
    return this.values(name).map((value) => comparable(value, this.vr(name)))
  }

  /** Whether a value that is not empty stands there now. */
  isPresent(name: Name): boolean {
    if (name.kind !== 'attribute') return this.values(name).some((value) => value !== '')
    const vr = this.vr(name)
    if (vr === 'SQ') return this.has(name)
    return this.#paths(name.path).some((path) => this.#valuesAt(path)?.some((value) => isSaid(value, vr)) ?? true)
  }

  /** Whether the element stands there now, with or without a value. */
  has(name: Pick<AttributeName, 'path'>): boolean {
    return this.#paths(name.path).some((path) => this.#hasAt(path))
  }

  /** The VR that a value written there gets: what was received, else the dictionary's; private ones are LO. */
  vr(name: AttributeName): string {
    const received = this.facts.header.vr(name.path)
    if (received !== undefined && received !== 'UN' && received !== '') return received
    return name.vr === 'UN' ? 'LO' : name.vr
  }

  /** @param name one of `places` */
  set(name: AttributeName, values: readonly string[], verb: string, asReceived = false): void {
    const vr = this.vr(name)
    this.#makeItems(name.path)
    if (vr === 'SQ') this.#clear(name.path)
    this.#drafted.set(keyOf(name.path), { name, vr, values, verb, asReceived })
  }

  /** @param name one of `places` */
  remove(name: AttributeName, verb: string): void {
    if (!this.has(name)) return
    const vr = this.vr(name)
    if (vr === 'SQ') this.#clear(name.path)
    this.#drafted.set(keyOf(name.path), { name, vr, values: null, verb, asReceived: false })
  }

  /** How many items the sequence at a path of numbered items has now; undefined where it cannot be looked into. */
  items(sequence: AttributePath): number | undefined {
    const made = this.#made.get(keyOf(sequence))?.items ?? 0
    if (this.isGone(sequence)) return made
    const received = this.facts.header.items(sequence)
    return received === undefined ? undefined : Math.max(received, made)
  }

  /** Whether what was received at the path, or around it, is there no more. */
  isGone(path: AttributePath): boolean {
    if (this.#drafted.get(keyOf(path))?.values === null) return true
    if (this.#cleared.size === 0) return false
    return path.some((step, index) => this.#cleared.has(keyOf([...path.slice(0, index), { tag: step.tag }])))
  }

  /** How a value is written at a path of numbered items. */
  writing(path: AttributePath): Writing {
    const gone = path.findIndex((step, index) => this.#cleared.has(keyOf([...path.slice(0, index), { tag: step.tag }])))
    return this.facts.header.writing(gone < 0 ? path : path.slice(0, gone + 1))
  }

  /** The header as it would leave: for whoever looks at the outcome as a match looks at what came. */
  view(): HeaderView {
    const { header } = this.facts
    return {
      values: (path) => {
        const found = this.#paths(path).map((one) => this.#valuesAt(one))
        return found.length > 0 && found.every((some) => some === undefined)
          ? undefined
          : found.flatMap((some) => some ?? [])
      },
      has: (path) => this.#paths(path).some((one) => this.#hasAt(one)),
      vr: (path) => this.#paths(path).map((one) => this.#drafted.get(keyOf(one))?.vr)[0] ?? header.vr(path),
      items: (path) => this.items(path),
      writing: (path) => this.writing(path),
      walk: () => header.walk(),
    }
  }

  /** What the verbs changed at exactly this path. */
  at(path: AttributePath): Drafted | undefined {
    return this.#drafted.get(keyOf(path))
  }

  /** The sequences that were written into. */
  made(): readonly Made[] {
    return [...this.#made.values()]
  }

  /** Everything that was changed, in an order that depends on the elements alone. */
  drafted(): readonly Drafted[] {
    return [...this.#drafted.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, drafted]) => drafted)
  }

  #isReadable({ path }: AttributeName): boolean {
    return this.#paths(path).every((one) => this.#valuesAt(one) !== undefined)
  }

  #paths(path: AttributePath): readonly AttributePath[] {
    if (path.length === 1) return [path]
    const paths = this.#expand(path, false)
    return 'closed' in paths || 'gap' in paths ? [] : paths
  }

  #expand(
    path: AttributePath,
    making: boolean,
  ): readonly AttributePath[] | { readonly closed: AttributePath } | { readonly gap: true; readonly items: number } {
    let scopes: AttributePath[] = [[]]
    for (const { tag, item = 'every' } of path.slice(0, -1)) {
      const next: AttributePath[] = []
      for (const scope of scopes) {
        const items = this.items([...scope, { tag }])
        if (items === undefined) return { closed: [...scope, { tag }] }
        if (item === 'every') for (let i = 0; i < items; i++) next.push([...scope, { tag, item: i }])
        else if (item < items || (making && item === items)) next.push([...scope, { tag, item }])
        else if (making) return { gap: true, items }
      }
      scopes = next
    }
    return scopes.map((scope) => [...scope, ...path.slice(-1).map(({ tag }): PathStep => ({ tag }))])
  }

  #valuesAt(path: AttributePath): readonly string[] | undefined {
    const drafted = this.#drafted.get(keyOf(path))
    if (drafted !== undefined) return drafted.values ?? []
    return path.length > 1 && this.isGone(path) ? [] : this.facts.header.values(path)
  }

  #hasAt(path: AttributePath): boolean {
    const drafted = this.#drafted.get(keyOf(path))
    if (drafted !== undefined) return drafted.values !== null
    if (this.#made.has(keyOf(path))) return true
    return !(path.length > 1 && this.isGone(path)) && this.facts.header.has(path)
  }

  /** The items on the way are there from now on; a sequence that was taken out is there again. */
  #makeItems(path: AttributePath): void {
    for (const [index, { tag, item }] of path.entries()) {
      if (typeof item !== 'number') continue
      const sequence = [...path.slice(0, index), { tag }]
      const key = keyOf(sequence)
      if ((this.#made.get(key)?.items ?? 0) <= item) this.#made.set(key, { sequence, items: item + 1 })
      const drafted = this.#drafted.get(key)
      if (drafted?.values === null) this.#drafted.set(key, { ...drafted, values: [] })
    }
  }

  /** What was received in the sequence is gone, and so is what was written into it. */
  #clear(sequence: AttributePath): void {
    const key = keyOf(sequence)
    for (const inner of this.#drafted.keys()) if (inner.startsWith(`${key}[`)) this.#drafted.delete(inner)
    for (const inner of this.#made.keys()) if (inner === key || inner.startsWith(`${key}[`)) this.#made.delete(inner)
    this.#cleared.add(key)
  }
}

const SOP_INSTANCE_UID = '(0008,0018)'
/** Of these a header gives no text. */
const OPAQUE: ReadonlySet<string> = new Set(['SQ', 'OB', 'OD', 'OF', 'OL', 'OV', 'OW', 'UN'])

/** One text for one path; sorts as the elements stand in a data set. */
export const keyOf = (path: AttributePath): string => {
  const [only] = path
  if (path.length === 1 && only !== undefined && only.item === undefined) return formatTag(only.tag)
  return path
    .map(({ tag, item }) => formatTag(tag) + (item === undefined ? '' : `[${String(item).padStart(8, '0')}]`))
    .join('.')
}
