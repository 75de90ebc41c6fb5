import { type AttributePath, formatTag } from '../dicom/attribute-path.ts'
import type { Facts, HeaderView } from './facts.ts'
import { type AnswerName, type AttributeName, comparable, type Name, ourValues } from './name.ts'

/** What a rewrite made of one element so far. */
export interface Drafted {
  readonly name: AttributeName
  readonly vr: string
  /** Null: removed. Empty: there, without a value. */
  readonly values: readonly string[] | null
  /** The verb that was the last to change it. */
  readonly verb: string
  /** Taken as it came from an element of the same VR, so a length that was received may stand. */
  readonly asReceived: boolean
}

/** What stands around an instance for a rule: the answers to the lookups around it, and its study. */
export type Around = (name: AnswerName | (Name & { readonly kind: 'study' })) => readonly string[]

/** The working copy of a rewrite: what the verbs changed, over the header as received. */
export class Draft {
  readonly facts: Facts
  readonly #drafted: Map<string, Drafted>
  readonly #around: Around

  constructor(facts: Facts, drafted: ReadonlyMap<string, Drafted> = new Map(), around: Around = () => []) {
    this.facts = facts
    this.#drafted = new Map(drafted)
    this.#around = around
  }

  /** The SOP Instance UID under which it would leave. */
  get sopInstanceUid(): string {
    return this.#drafted.get(SOP_INSTANCE_UID)?.values?.[0] ?? this.facts.sopInstanceUid
  }

  /** A copy that goes its own way: a child's verbs never reach its parent or siblings. */
  fork(around: Around = this.#around): Draft {
    return new Draft(this.facts, this.#drafted, around)
  }

  /** The values as they stand now, raw; of a name of ours its text. */
  values(name: Name): readonly string[] {
    if (name.kind === 'ours') return ourValues(name.name, this.facts).slice(0, 1)
    if (name.kind !== 'attribute') return this.#around(name)
    const drafted = this.#drafted.get(keyOf(name.path))
    return drafted === undefined ? (this.facts.header.values(name.path) ?? []) : (drafted.values ?? [])
  }

  /** The values as rules compare them. */
  comparables(name: Name): readonly string[] {
    if (name.kind !== 'attribute') return this.values(name)
    return this.values(name).map((value) => comparable(value, this.vr(name)))
  }

  /** Whether a value that is not empty stands there now. */
  isPresent(name: Name): boolean {
    return this.comparables(name).some((value) => value !== '')
  }

  /** Whether the element stands there now, with or without a value. */
  has(name: AttributeName): boolean {
    const drafted = this.#drafted.get(keyOf(name.path))
    return drafted === undefined ? this.facts.header.has(name.path) : drafted.values !== null
  }

  /** The VR that a value written there gets: what was received, else the dictionary's; private ones are LO. */
  vr(name: AttributeName): string {
    const received = this.facts.header.vr(name.path)
    if (received !== undefined && received !== 'UN' && received !== '') return received
    return name.vr === 'UN' ? 'LO' : name.vr
  }

  set(name: AttributeName, values: readonly string[], verb: string, asReceived = false): void {
    this.#drafted.set(keyOf(name.path), { name, vr: this.vr(name), values, verb, asReceived })
  }

  remove(name: AttributeName, verb: string): void {
    if (!this.has(name)) return
    this.#drafted.set(keyOf(name.path), { name, vr: this.vr(name), values: null, verb, asReceived: false })
  }

  /** The header as it would leave: for whoever looks at the outcome as a match looks at what came. */
  view(): HeaderView {
    const { header } = this.facts
    const drafted = (path: AttributePath): Drafted | undefined => this.#drafted.get(keyOf(path))
    return {
      declared: header.declared,
      tags: () => header.tags(),
      texts: () => header.texts(),
      values: (path) => (drafted(path) === undefined ? header.values(path) : (drafted(path)?.values ?? [])),
      has: (path) => (drafted(path) === undefined ? header.has(path) : drafted(path)?.values !== null),
      vr: (path) => drafted(path)?.vr ?? header.vr(path),
    }
  }

  /** Everything that was changed, in an order that depends on the elements alone. */
  drafted(): readonly Drafted[] {
    return [...this.#drafted.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, drafted]) => drafted)
  }
}

const SOP_INSTANCE_UID = '(0008,0018)'

/** One text for one path; sorts as the elements stand in a data set. */
export const keyOf = (path: AttributePath): string =>
  path
    .map(({ tag, item }) => formatTag(tag) + (item === undefined ? '' : `[${String(item).padStart(8, '0')}]`))
    .join('.')
