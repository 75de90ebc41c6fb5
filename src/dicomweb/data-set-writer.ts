import { type Tag, tagOf } from '../dicom/attribute-path.ts'
import { type CharacterSet, characterSetOf, UTF_8 } from '../dicom/character-set.ts'
import { isPrivate } from '../dicom/dictionary.ts'
import { closeItem, closeSequence, elementHeader, openItem } from '../dicom/element-writer.ts'
import type { TransferSyntax } from '../dicom/transfer-syntax.ts'
import type { Vr } from '../dicom/vr.ts'
import { badModel, type ModelElement, type ModelItem } from './model.ts'
import type { Steps } from './steps.ts'
import { encodeValues, NOT_IN_SET, padded } from './value-writer.ts'

/** A stretch of a data set being written. Bulk data is put in by whoever has it. */
export type DataSetPiece =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  /** The header and value of one element, as long as the bulk data turns out to be. */
  | { readonly kind: 'bulk'; readonly uri: string; readonly tag: Tag; readonly vr: Vr }
  /** Encapsulated pixel data, a fragment for each part of that name (PS3.5 A.4). */
  | { readonly kind: 'fragments'; readonly uri: string; readonly tag: Tag }
  /** A UL that tells how long that bulk data is without its padding: (0042,0015). */
  | { readonly kind: 'length'; readonly uri: string; readonly tag: Tag }

const MOST_IN_RUN = 4_096

const SPECIFIC_CHARACTER_SET = tagOf(0x0008, 0x0005)
const ENCAPSULATED_DOCUMENT = tagOf(0x0042, 0x0011)
const ENCAPSULATED_DOCUMENT_LENGTH = tagOf(0x0042, 0x0015)
const PIXEL_DATA = tagOf(0x7fe0, 0x0010)

/**
 * Writes a model as a data set (PS3.5 7): elements in order, text in the character set that (0008,0005) declares, or all
 * of it in UTF-8 where that cannot hold it. Group 0002 is left out, it belongs before the data set.
 *
 * @param syntax little endian and not deflated
 * @throws KurirError `invalid-dataset`
 */
export function* writeDataSet(model: ModelItem, syntax: TransferSyntax): Steps<readonly DataSetPiece[]> {
  const declared = model.find(({ tag }) => tag === SPECIFIC_CHARACTER_SET)?.content
  const set = characterSetOf(declared?.kind === 'values' ? declared.values : [])
  return (yield* tryWriting(model, syntax, set)) ?? (yield* tryWriting(model, syntax, UTF_8)) ?? []
}

/** Undefined when the set cannot hold all of the text. */
function* tryWriting(
  model: ModelItem,
  syntax: TransferSyntax,
  set: CharacterSet,
): Steps<readonly DataSetPiece[] | undefined> {
  const writer = new DataSetWriter(syntax, set)
  return (yield* writer.writeItem(model, true)) ? writer.pieces() : undefined
}

class DataSetWriter {
  readonly #syntax: TransferSyntax
  readonly #set: CharacterSet
  readonly #pieces: DataSetPiece[] = []
  #run: Buffer[] = []

  constructor(syntax: TransferSyntax, set: CharacterSet) {
    this.#syntax = syntax
    this.#set = set
  }

  pieces(): readonly DataSetPiece[] {
    this.#flush()
    return this.#pieces
  }

  /** False as soon as a text does not fit the character set. */
  *writeItem(item: ModelItem, isTop: boolean): Steps<boolean> {
    yield
    const elements = withCreators(
      isTop ? this.#withOurs(item) : item.filter(({ tag }) => tag !== SPECIFIC_CHARACTER_SET),
    )
    const sorted = elements.filter(({ tag }) => belongs(tag)).toSorted((a, b) => a.tag - b.tag)
    for (const [at, element] of sorted.entries()) {
      if (element.tag === sorted[at - 1]?.tag) throw badModel('an attribute stands twice in the metadata')
      if (!(yield* this.#write(element))) return false
      // Many small buffers take more than the bytes in them.
      if (this.#run.length > MOST_IN_RUN) this.#flush()
    }
    return true
  }

  /** With what follows from the rest: the character set in force, and how long an encapsulated document is (PS3.3 C.24.2). */
  #withOurs(item: ModelItem): ModelItem {
    const document = item.find(({ tag }) => tag === ENCAPSULATED_DOCUMENT)
    const replaced = [SPECIFIC_CHARACTER_SET, ...(document === undefined ? [] : [ENCAPSULATED_DOCUMENT_LENGTH])]
    const rest = item.filter(({ tag }) => !replaced.includes(tag))
    const { terms } = this.#set
    const ours: ModelElement[] = [...rest]
    if (terms.length > 0) {
      ours.push({ tag: SPECIFIC_CHARACTER_SET, vr: 'CS', content: { kind: 'values', values: terms } })
    }
    if (document !== undefined) ours.push(lengthOf(document))
    return ours
  }

  *#write(element: ModelElement): Steps<boolean> {
    const { tag, vr, content } = element
    switch (content.kind) {
      case 'items':
        return yield* this.#writeSequence(tag, content.items)
      case 'bulk':
        this.#writeBulk(element, content.uri)
        return true
      case 'bytes':
        this.#writeBytes(tag, vr, content.bytes)
        return true
      case 'values': {
        const bytes = yield* encodeValues(content.values, vr, this.#set)
        if (bytes === NOT_IN_SET) return false
        this.#run.push(elementHeader(tag, vr, bytes.length, this.#syntax), bytes)
        return true
      }
      default:
        return content satisfies never
    }
  }

  /** Of undefined lengths, so that nothing has to be counted first (PS3.5 7.5). */
  *#writeSequence(tag: Tag, items: readonly ModelItem[]): Steps<boolean> {
    this.#run.push(elementHeader(tag, 'SQ', items.length === 0 ? 0 : -1, this.#syntax))
    for (const item of items) {
      this.#run.push(openItem(this.#syntax))
      if (!(yield* this.writeItem(item, false))) return false
      this.#run.push(closeItem(this.#syntax))
    }
    if (items.length > 0) this.#run.push(closeSequence(this.#syntax))
    return true
  }

  #writeBytes(tag: Tag, vr: Vr, bytes: Buffer): void {
    const value = padded(bytes, vr)
    if (tag === PIXEL_DATA && this.#syntax.encapsulated) {
      this.#run.push(openFragments(tag, this.#syntax), fragmentHeader(value.length), value, closeSequence(this.#syntax))
      return
    }
    this.#run.push(elementHeader(tag, vr, value.length, this.#syntax), value)
  }

  #writeBulk({ tag, vr }: ModelElement, uri: string): void {
    this.#flush()
    if (tag === ENCAPSULATED_DOCUMENT_LENGTH) this.#pieces.push({ kind: 'length', uri, tag })
    else if (tag === PIXEL_DATA && this.#syntax.encapsulated) this.#pieces.push({ kind: 'fragments', uri, tag })
    else this.#pieces.push({ kind: 'bulk', uri, tag, vr })
  }

  #flush(): void {
    if (this.#run.length > 0) this.#pieces.push({ kind: 'bytes', bytes: Buffer.concat(this.#run) })
    this.#run = []
  }
}

function lengthOf({ content }: ModelElement): ModelElement {
  const element = { tag: ENCAPSULATED_DOCUMENT_LENGTH, vr: 'UL' } as const
  if (content.kind === 'bulk') return { ...element, content }
  const length = content.kind === 'bytes' ? content.bytes.length : 0
  return { ...element, content: { kind: 'values', values: [String(length)] } }
}

/** Not file meta, not a group length (retired, PS3.5 7.2), nothing of a command or of the delimiters. */
function belongs(tag: Tag): boolean {
  const group = tag >>> 16
  if (group === 0x0000 || group >= 0xfffe) throw badModel('the metadata has an attribute that no data set has')
  return group !== 0x0002 && (tag & 0xffff) !== 0
}

/**
 * Private attributes whose creator the model names (PS3.19 A.1.5) get the block that is reserved for it here, or a free one
 * that is reserved now (PS3.5 7.8.1).
 */
function withCreators(item: ModelItem): ModelItem {
  if (!item.some(({ creator, tag }) => creator !== undefined && isPrivate(tag))) return item
  const blocks = new PrivateBlocks()
  for (const { tag, content, creator } of item) {
    const element = tag & 0xffff
    if (!isPrivate(tag) || element < 0x10 || element > 0xff || content.kind !== 'values' || creator !== undefined)
      continue
    blocks.reserve(tag >>> 16, content.values[0] ?? '', element)
  }
  const placed: ModelElement[] = []
  for (const element of item) placed.push(placeOf(element, blocks, placed))
  return placed
}

function placeOf(element: ModelElement, blocks: PrivateBlocks, placed: ModelElement[]): ModelElement {
  const { tag, creator } = element
  if (creator === undefined || !isPrivate(tag)) return element
  const group = tag >>> 16
  const number = tag & 0xffff
  let block = blocks.of(group, creator)
  if (block === undefined) {
    block = blocks.reserveFree(group, creator, number >>> 8)
    placed.push({ tag: tagOf(group, block), vr: 'LO', content: { kind: 'values', values: [creator] } })
  }
  return { ...element, tag: tagOf(group, (block << 8) | (number & 0xff)) }
}

/** Which creator has which block of a private group, in one data set or item (PS3.5 7.8.1). */
class PrivateBlocks {
  readonly #groups = new Map<number, Map<string, number>>()

  of(group: number, creator: string): number | undefined {
    return this.#groups.get(group)?.get(creator)
  }

  reserve(group: number, creator: string, block: number): void {
    const known = this.#groups.get(group) ?? new Map<string, number>()
    known.set(creator, block)
    this.#groups.set(group, known)
  }

  /** The wanted one where that is free, else the first that is. A group has 240. */
  reserveFree(group: number, creator: string, wanted: number): number {
    const used = new Set(this.#groups.get(group)?.values())
    let block = wanted >= 0x10 && !used.has(wanted) ? wanted : 0x10
    while (used.has(block)) block += 1
    if (block > 0xff) throw badModel('a private group has no block left')
    this.reserve(group, creator, block)
    return block
  }
}

/** The header of encapsulated pixel data and its empty offset table (PS3.5 A.4). */
export const openFragments = (tag: Tag, syntax: TransferSyntax): Buffer =>
  Buffer.concat([elementHeader(tag, 'OB', -1, syntax), fragmentHeader(0)])

/** The header of one fragment, little endian. */
export function fragmentHeader(length: number): Buffer {
  const head = Buffer.from([0xfe, 0xff, 0x00, 0xe0, 0, 0, 0, 0])
  head.writeUInt32LE(length, 4)
  return head
}
