import { type AttributePath, type PathStep, type Tag, tagOf } from './attribute-path.ts'
import { ASCII, type CharacterSet, characterSetOf } from './character-set.ts'
import { lookUpTag } from './dictionary.ts'
import { BIG_ENDIAN, type HeaderIndex, ITEM, LEFT_OUT, SEQUENCE } from './header-index.ts'
import { unpadEnd } from './padding.ts'
import type { TransferSyntax } from './transfer-syntax.ts'
import {
  parseUid,
  type SeriesInstanceUid,
  type SopClassUid,
  type SopInstanceUid,
  type StudyInstanceUid,
  type Uid,
} from './uid.ts'
import { decodeValue } from './value.ts'

/** One element of a header, where it was found. */
export interface HeaderElement {
  /** With the number of each item on the way. */
  readonly path: AttributePath
  readonly tag: Tag
  /** As written, or from the dictionary in implicit data sets; `UN` where nobody knows. */
  readonly vr: string
  /** Of the value as received, in bytes; 0 for sequences. */
  readonly length: number
  /** The bytes as received; undefined for sequences and for what was too large to keep. */
  readonly value: Buffer | undefined
  readonly isSequence: boolean
  /** Whether its value or its items were too large to keep. */
  readonly isLeftOut: boolean
  /** How many items a sequence has; 0 for others. */
  readonly itemCount: number
  /** In which text stands at this place. */
  readonly characterSet: CharacterSet
  /** Whether the value's numbers are big endian. */
  readonly bigEndian: boolean
}

const SPECIFIC_CHARACTER_SET = tagOf(0x0008, 0x0005)
const PIXEL_REPRESENTATION = tagOf(0x0028, 0x0103)

interface Place {
  readonly entry: number
  readonly path: AttributePath
  readonly set: CharacterSet
}

/**
 * What stood in a data set before its pixel data. Immutable; text is decoded when asked for. Holds patient data.
 */
export class Header {
  readonly transferSyntax: TransferSyntax
  /** Everything that was kept, for the packer. */
  readonly index: HeaderIndex
  readonly #undeclared: CharacterSet
  #set: CharacterSet | undefined
  readonly #itemsOf = new Map<number, readonly number[]>()

  constructor(transferSyntax: TransferSyntax, index: HeaderIndex, undeclared: CharacterSet = ASCII) {
    this.transferSyntax = transferSyntax
    this.index = index
    this.#undeclared = undeclared
  }

  /** The same header, where text of no declared character set is read by `terms` (as in (0008,0005)). */
  withDefaultCharacterSet(terms: readonly string[]): Header {
    // A copy, so that it is never taken for one that was declared.
    return new Header(this.transferSyntax, this.index, { ...characterSetOf(terms) })
  }

  /** Of the data set's own elements. */
  get characterSet(): CharacterSet {
    this.#set ??= this.#characterSetWithin(0, this.index.count, this.#undeclared)
    return this.#set
  }

  /** The first element at the path; undefined when there is none. A step without `item` means every item. */
  element(path: AttributePath): HeaderElement | undefined {
    const [place] = this.#find(path)
    return place === undefined ? undefined : this.#describe(place)
  }

  /** All elements at the path: several where a step means every item. */
  elements(path: AttributePath): readonly HeaderElement[] {
    return this.#find(path).map((place) => this.#describe(place))
  }

  /**
   * The values at the path as text (see `decodeValue`), those of all items one behind the other. Empty when the element
   * has no value; undefined when there is no such element, or it is not text, or it was too large to keep, in any item.
   */
  values(path: AttributePath): readonly string[] | undefined {
    if (path.length === 1 && path[0] !== undefined) {
      const entry = this.#own(path[0].tag)
      return entry < 0 ? undefined : this.#decode(entry, this.characterSet)
    }
    const found = this.#find(path)
    // Those of the other items are not all of them.
    if (found.some(({ entry }) => (this.index.flags(entry) & LEFT_OUT) !== 0)) return undefined
    const values = found.map((place) => this.#decode(place.entry, place.set)).filter((some) => some !== undefined)
    return values.length === 0 ? undefined : values.flat()
  }

  /** The first value of one of the data set's own elements, when it has one that is not empty. */
  text(tag: Tag): string | undefined {
    const entry = this.#own(tag)
    const first = entry < 0 ? undefined : this.#decode(entry, this.characterSet)?.[0]
    return first === '' ? undefined : first
  }

  /** Every element in the order of the data set, those of sequences behind their sequence. */
  *walk(): Generator<HeaderElement> {
    yield* this.#walkWithin({ first: 0, end: this.index.count, path: [], set: this.characterSet })
  }

  /**
   * How text and numbers are written where the last element of the path stands, whether that element is there or not:
   * by the innermost item on the way that there is.
   */
  writing(path: AttributePath): Pick<HeaderElement, 'characterSet' | 'bigEndian'> {
    let scope: Scope = { first: 0, end: this.index.count, path: [], set: this.characterSet }
    let bigEndian = this.transferSyntax.bigEndian
    for (const step of path.slice(0, -1)) {
      const entry = this.#entryOf(step.tag, scope.first, scope.end)
      const [item] = entry < 0 ? [] : this.#items({ entry, path: scope.path, set: scope.set }, step)
      if (item === undefined) break
      // UN of undefined length holds Implicit VR Little Endian (PS3.5 6.2.2).
      if (this.index.vr(entry) === 'UN') bigEndian = false
      scope = item
    }
    // What is read by default is not declared: only ASCII may be written there.
    return { characterSet: scope.set === this.#undeclared ? ASCII : scope.set, bigEndian }
  }

  /** The values of an element of this header as `values` gives them, without looking for it again. */
  read(element: HeaderElement): readonly string[] | undefined {
    const { value, vr, bigEndian, characterSet } = element
    return value === undefined
      ? undefined
      : decodeValue(value, this.readableVr(element.tag, vr), bigEndian, characterSet)
  }

  get studyInstanceUid(): StudyInstanceUid | undefined {
    return this.#uid<StudyInstanceUid>(tagOf(0x0020, 0x000d))
  }

  get seriesInstanceUid(): SeriesInstanceUid | undefined {
    return this.#uid<SeriesInstanceUid>(tagOf(0x0020, 0x000e))
  }

  get sopInstanceUid(): SopInstanceUid | undefined {
    return this.#uid<SopInstanceUid>(tagOf(0x0008, 0x0018))
  }

  get sopClassUid(): SopClassUid | undefined {
    return this.#uid<SopClassUid>(tagOf(0x0008, 0x0016))
  }

  get accessionNumber(): string | undefined {
    return this.text(tagOf(0x0008, 0x0050))
  }

  get patientId(): string | undefined {
    return this.text(tagOf(0x0010, 0x0020))
  }

  /** All component groups, as PN writes them. */
  get patientName(): string | undefined {
    return this.text(tagOf(0x0010, 0x0010))
  }

  get modality(): string | undefined {
    return this.text(tagOf(0x0008, 0x0060))
  }

  #uid<T extends Uid>(tag: Tag): T | undefined {
    const text = this.text(tag)
    return text === undefined ? undefined : parseUid<T>(text)
  }

  #own(tag: Tag): number {
    return this.#entryOf(tag, 0, this.index.count)
  }

  /** Looks among siblings, passing over what they contain. */
  #entryOf(tag: Tag, first: number, end: number): number {
    const index = this.index
    for (let entry = first; entry < end; entry = index.next(entry)) {
      if (index.tag(entry) === tag) return entry
    }
    return -1
  }

  #characterSetWithin(first: number, end: number, outer: CharacterSet): CharacterSet {
    const entry = this.#entryOf(SPECIFIC_CHARACTER_SET, first, end)
    const bytes = entry < 0 ? undefined : this.index.value(entry)
    if (bytes === undefined) return outer
    const set = characterSetOf(unpadEnd(bytes.toString('latin1')).split('\\'))
    return set.kind === 'ascii' && set.terms.length === 0 ? outer : set
  }

  #find(path: AttributePath): Place[] {
    let scopes = [{ first: 0, end: this.index.count, path: [] as AttributePath, set: this.characterSet }]
    for (const [i, step] of path.entries()) {
      const last = i === path.length - 1
      const found: Place[] = []
      for (const scope of scopes) {
        const entry = this.#entryOf(step.tag, scope.first, scope.end)
        if (entry >= 0) found.push({ entry, path: scope.path, set: scope.set })
      }
      if (last) return found.map((place) => ({ ...place, path: [...place.path, { tag: step.tag }] }))
      scopes = found.flatMap((place) => this.#items(place, step))
    }
    return []
  }

  #items(sequence: Place, step: Pick<PathStep, 'tag' | 'item'>): Scope[] {
    const entries = this.#itemEntries(sequence.entry)
    const { tag, item } = step
    if (typeof item !== 'number') return entries.map((entry, number) => this.#scopeOf(entry, sequence, tag, number))
    const entry = entries[item]
    return entry === undefined ? [] : [this.#scopeOf(entry, sequence, tag, item)]
  }

  #scopeOf(item: number, { path, set }: Place, tag: Tag, number: number): Scope {
    const inside = { first: item + 1, end: this.index.next(item) }
    const own = this.#characterSetWithin(inside.first, inside.end, set)
    return { ...inside, path: [...path, { tag, item: number }], set: own }
  }

  /** Where the items of a sequence begin: found once, as some sequences have thousands and are asked item by item. */
  #itemEntries(sequence: number): readonly number[] {
    const known = this.#itemsOf.get(sequence)
    if (known !== undefined) return known
    const index = this.index
    const end = index.next(sequence)
    const entries: number[] = []
    for (let entry = sequence + 1; entry < end; entry = index.next(entry)) {
      if ((index.flags(entry) & ITEM) !== 0) entries.push(entry)
    }
    this.#itemsOf.set(sequence, entries)
    return entries
  }

  *#walkWithin(scope: Scope): Generator<HeaderElement> {
    const index = this.index
    for (let entry = scope.first; entry < scope.end; entry = index.next(entry)) {
      const tag = index.tag(entry)
      yield this.#describe({ entry, path: [...scope.path, { tag }], set: scope.set })
      if ((index.flags(entry) & SEQUENCE) === 0) continue
      for (const item of this.#items({ entry, path: scope.path, set: scope.set }, { tag }))
        yield* this.#walkWithin(item)
    }
  }

  #describe({ entry, path, set }: Place): HeaderElement {
    const index = this.index
    const flags = index.flags(entry)
    const isSequence = (flags & SEQUENCE) !== 0
    return {
      path,
      tag: index.tag(entry),
      vr: index.vr(entry),
      length: index.length(entry),
      value: isSequence ? undefined : index.value(entry),
      isSequence,
      isLeftOut: (flags & LEFT_OUT) !== 0,
      itemCount: isSequence ? this.#itemEntries(entry).length : 0,
      characterSet: set,
      bigEndian: (flags & BIG_ENDIAN) !== 0,
    }
  }

  #decode(entry: number, set: CharacterSet): readonly string[] | undefined {
    const index = this.index
    const flags = index.flags(entry)
    const bytes = (flags & SEQUENCE) === 0 ? index.value(entry) : undefined
    if (bytes === undefined) return undefined
    const vr = this.readableVr(index.tag(entry), index.vr(entry))
    return decodeValue(bytes, vr, (flags & BIG_ENDIAN) !== 0, set)
  }

  /** What UN hides the dictionary may know (PS3.5 6.2.2); US or SS is told by Pixel Representation (PS3.3 C.7.6.3). */
  readableVr(tag: Tag, written: string): string {
    if (written !== 'UN' && (written !== 'US' || this.transferSyntax.explicitVr)) return written
    const known = lookUpTag(tag)
    if (known === undefined) return written
    if (known.either !== 'US or SS') return known.vr
    return this.text(PIXEL_REPRESENTATION) === '1' ? 'SS' : 'US'
  }
}

interface Scope {
  readonly first: number
  readonly end: number
  readonly path: AttributePath
  readonly set: CharacterSet
}
