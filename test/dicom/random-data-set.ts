import fc from 'fast-check'
import type { AttributePath, Tag } from '../../src/dicom/attribute-path.ts'
import type { ResolvedEdit } from '../../src/dicom/resolved-edit.ts'
import type { TransferSyntax } from '../../src/dicom/transfer-syntax.ts'
import { isLongForm } from '../../src/dicom/vr.ts'

/** An element of a made-up data set: what the edited bytes are judged by. */
export type MadeElement =
  | { readonly kind: 'value'; readonly tag: number; readonly vr: string; readonly value: Buffer }
  | {
      readonly kind: 'sequence'
      readonly tag: number
      readonly hasLength: boolean
      /** Written as UN of undefined length, with implicit elements inside (PS3.5 6.2.2). */
      readonly isUnknown?: boolean
      readonly items: readonly MadeItem[]
    }
  | { readonly kind: 'fragments'; readonly tag: number; readonly fragments: readonly Buffer[] }

export interface MadeItem {
  readonly hasLength: boolean
  readonly elements: readonly MadeElement[]
}

// All in the dictionary with these VRs, so that explicit and implicit mean the same.
const VALUES: readonly (readonly [number, string])[] = [
  [0x00080008, 'CS'], [0x00080018, 'UI'], [0x00080050, 'SH'], [0x00081030, 'LO'], [0x00100010, 'PN'], [0x00104000, 'LT'],
  [0x00180050, 'DS'], [0x00189219, 'SS'], [0x00280010, 'US'], [0x00281101, 'US'], [0x0040a160, 'UT'], [0x60003000, 'OW'],
] // biome-ignore format: a table
const SEQUENCES = [0x00081140, 0x00400275, 0x0040a730, 0x30060020]
const ALL_TAGS = [...VALUES.map(([tag]) => tag), ...SEQUENCES]

const evenBytes = fc.uint8Array({ maxLength: 24 }).map((bytes) => Buffer.from(bytes.subarray(0, bytes.length & ~1)))

type Named = readonly (readonly [number, string])[]

const inOrder = (elements: readonly MadeElement[]): readonly MadeElement[] => {
  const byTag = new Map(elements.map((element) => [element.tag, element]))
  return [...byTag.values()].sort((a, b) => a.tag - b.tag)
}

interface Manner {
  readonly named: Named
  readonly bytesFor: (vr: string) => fc.Arbitrary<Buffer>
  /** Whether some sequences come as UN. */
  readonly isUnknown: fc.Arbitrary<boolean>
}

function levels({ named, bytesFor, isUnknown }: Manner): fc.Arbitrary<readonly MadeElement[]> {
  const value = fc
    .constantFrom(...named)
    .chain(([tag, vr]) => bytesFor(vr).map((bytes): MadeElement => ({ kind: 'value', tag, vr, value: bytes })))
  return fc.letrec<{ level: readonly MadeElement[]; sequence: MadeElement; item: MadeItem }>((tie) => ({
    level: fc.array(fc.oneof({ depthSize: 'small' }, value, tie('sequence')), { maxLength: 6 }).map(inOrder),
    item: fc.record({ hasLength: fc.boolean(), elements: tie('level') }),
    sequence: fc.record({
      kind: fc.constant('sequence' as const),
      tag: fc.constantFrom(...SEQUENCES),
      hasLength: fc.boolean(),
      isUnknown,
      items: fc.array(tie('item'), { maxLength: 3 }),
    }),
  })).level
}

const level = levels({ named: VALUES, bytesFor: () => evenBytes, isUnknown: fc.constant(false) })

// Group lengths and private blocks besides, which no dictionary names.
const MORE: Named = [
  ...VALUES,
  [0x00080000, 'UL'],
  [0x00090010, 'LO'],
  [0x00091001, 'UN'],
  [0x00100000, 'UL'],
  [0x00290010, 'LO'],
  [0x00291008, 'OB'],
]

/** The same with group lengths, private blocks, and sequences that come as UN. */
export const richDataSet: fc.Arbitrary<readonly MadeElement[]> = levels({
  named: MORE,
  bytesFor: (vr) => (vr === 'UL' ? fc.constant(Buffer.alloc(4)) : evenBytes),
  isUnknown: fc.boolean(),
})

/** Short words of even length. */
export const WORDS = fc
  .array(fc.constantFrom(...'ABCXYZ0123456789'), { maxLength: 8 })
  .map((all) => Buffer.from(all.slice(0, all.length & ~1).join('')))

/** The same with values that a dump shows on one line: text, and bytes only where there are bytes. */
export const legibleDataSet: fc.Arbitrary<readonly MadeElement[]> = levels({
  named: MORE,
  bytesFor: (vr) => (vr === 'UL' ? fc.constant(Buffer.alloc(4)) : /^[OU][BNW]$|SS|US/.test(vr) ? evenBytes : WORDS),
  isUnknown: fc.boolean(),
})

const pixels: fc.Arbitrary<MadeElement> = fc.oneof(
  evenBytes.map((value): MadeElement => ({ kind: 'value', tag: 0x7fe00010, vr: 'OW', value })),
  fc
    .array(evenBytes, { maxLength: 3 })
    .map((fragments): MadeElement => ({ kind: 'fragments', tag: 0x7fe00010, fragments })),
)

/** Data sets with a few elements, nested, with and without lengths, with native or encapsulated pixel data. */
export const madeDataSet: fc.Arbitrary<readonly MadeElement[]> = fc
  .tuple(level, fc.option(pixels))
  .map(([elements, last]) => (last === null ? elements : [...elements, last]))

/** A few edits of a data set: of elements that it has or not, nested ones as well; no two of the same path. */
export const editsOf = (
  elements: readonly MadeElement[],
  values: fc.Arbitrary<Buffer> = evenBytes,
): fc.Arbitrary<readonly ResolvedEdit[]> =>
  fc
    .array(fc.tuple(fc.constantFrom(...pathsOf(elements)), fc.option(values)), { minLength: 1, maxLength: 4 })
    .map((chosen) => chosen.map(([path, value]) => editOf(path, value)).filter(isAlone))

function editOf(path: AttributePath, value: Buffer | null): ResolvedEdit {
  const vr = MORE.find(([tag]) => tag === path.at(-1)?.tag)?.[1]
  return value === null || vr === undefined ? { verb: 'remove', path } : { verb: 'set', path, vr, value }
}

/** Neither it nor an element around or within it is edited before. */
function isAlone(edit: ResolvedEdit, i: number, all: readonly ResolvedEdit[]): boolean {
  const text = JSON.stringify(edit.path.map(({ tag, item }) => [tag, item ?? null])).slice(0, -1)
  const own = (other: ResolvedEdit): string =>
    JSON.stringify(other.path.map(({ tag, item }) => [tag, item ?? null])).slice(0, -1)
  const tags = (some: ResolvedEdit): string => some.path.map(({ tag }) => tag).join('/')
  return !all
    .slice(0, i)
    .some((other) => own(other) === text || tags(other).startsWith(tags(edit)) || tags(edit).startsWith(tags(other)))
}

function pathsOf(elements: readonly MadeElement[]): readonly AttributePath[] {
  const paths: AttributePath[] = ALL_TAGS.map((tag) => [{ tag: tag as Tag }])
  // An item behind the last one, which an edit makes.
  for (const tag of SEQUENCES) {
    const there = elements.find((element) => element.tag === tag)
    const item = there?.kind === 'sequence' ? there.items.length : 0
    paths.push(
      [{ tag: tag as Tag, item }, { tag: 0x00080050 as Tag }],
      [{ tag: tag as Tag, item }, { tag: 0x00091001 as Tag }],
    )
  }
  for (const element of elements) {
    if (element.kind !== 'sequence') continue
    for (const [item, { elements: inner }] of element.items.entries()) {
      for (const path of pathsOf(inner)) paths.push([{ tag: element.tag as Tag, item }, ...path])
    }
  }
  return paths
}

/** The data set as the edits leave it. Sequences and items around an edit lose their lengths, whether it changed anything or not. */
export function applyEdits(
  elements: readonly MadeElement[],
  edits: readonly ResolvedEdit[],
  depth = 0,
): readonly MadeElement[] {
  const here = edits.filter(({ path }) => path.length === depth + 1)
  const gone = new Set<number>(here.map(({ path }) => path[depth]?.tag ?? 0))
  const touched = new Set(edits.map(({ path }) => (path[depth]?.tag ?? 0) >>> 16))
  // A length of a group in which anything is edited would be wrong.
  const countsOther = ({ tag }: MadeElement): boolean => (tag & 0xffff) !== 0 || !touched.has(tag >>> 16)
  const kept = elements.filter((element) => !gone.has(element.tag) && countsOther(element))
  const set = here.flatMap((edit): MadeElement[] => {
    const tag = edit.path[depth]?.tag ?? 0
    return edit.verb === 'set' ? [{ kind: 'value', tag, vr: edit.vr, value: Buffer.from(edit.value) }] : []
  })
  const made = SEQUENCES.filter((tag) => !elements.some((element) => element.tag === tag)).flatMap((tag) => {
    const element = editWithin({ kind: 'sequence', tag, hasLength: false, items: [] }, edits, depth)
    return element.kind === 'sequence' && element.items.length > 0 ? [element] : []
  })
  return [...kept.map((element) => editWithin(element, edits, depth)), ...set, ...made].sort((a, b) => a.tag - b.tag)
}

function editWithin(element: MadeElement, edits: readonly ResolvedEdit[], depth: number): MadeElement {
  const within = edits.filter(({ path }) => path.length > depth + 1 && path[depth]?.tag === element.tag)
  if (element.kind !== 'sequence' || within.length === 0) return element
  const ownOf = (number: number) => within.filter(({ path }) => path[depth]?.item === number)
  const items = element.items.map((item, number): MadeItem => {
    const own = ownOf(number)
    return own.length === 0 ? item : { hasLength: false, elements: applyEdits(item.elements, own, depth + 1) }
  })
  const next = applyEdits([], ownOf(items.length), depth + 1)
  return {
    ...element,
    hasLength: false,
    items: next.length === 0 ? items : [...items, { hasLength: false, elements: next }],
  }
}

type Written = Pick<TransferSyntax, 'explicitVr' | 'bigEndian'>

export const encode = (elements: readonly MadeElement[], as: Written): Buffer =>
  Buffer.concat(elements.map((element) => encodeElement(element, as)))

function encodeElement(element: MadeElement, as: Written): Buffer {
  switch (element.kind) {
    case 'value':
      return Buffer.concat([header(element.tag, element.vr, element.value.length, as), element.value])
    case 'sequence': {
      const isUnknown = element.isUnknown === true && as.explicitVr
      const inner = isUnknown ? { explicitVr: false, bigEndian: false } : as
      const items = element.items.map((item) => encodeItem(item, inner))
      const hasLength = element.hasLength && !isUnknown
      return Buffer.concat([
        header(element.tag, isUnknown ? 'UN' : 'SQ', hasLength ? Buffer.concat(items).length : -1, as),
        ...items,
        ...(hasLength ? [] : [header(0xfffee0dd, '', 0, inner)]),
      ])
    }
    case 'fragments': {
      const fragments = element.fragments.flatMap((bytes) => [header(0xfffee000, '', bytes.length, as), bytes])
      return Buffer.concat([header(element.tag, 'OB', -1, as), ...fragments, header(0xfffee0dd, '', 0, as)])
    }
    default:
      return element satisfies never
  }
}

function encodeItem(item: MadeItem, as: Written): Buffer {
  const content = encode(item.elements, as)
  const end = item.hasLength ? [] : [header(0xfffee00d, '', 0, as)]
  return Buffer.concat([header(0xfffee000, '', item.hasLength ? content.length : -1, as), content, ...end])
}

function header(tag: number, vr: string, length: number, { explicitVr, bigEndian }: Written): Buffer {
  const word = (value: number, size: number): Buffer => {
    const bytes = Buffer.alloc(size)
    if (bigEndian) bytes.writeUIntBE(value, 0, size)
    else bytes.writeUIntLE(value, 0, size)
    return bytes
  }
  const numbers = [word(tag >>> 16, 2), word(tag & 0xffff, 2)]
  const field = length < 0 ? 0xffffffff : length
  if (!explicitVr || vr === '') return Buffer.concat([...numbers, word(field, 4)])
  if (isLongForm(vr)) return Buffer.concat([...numbers, Buffer.from(vr), Buffer.alloc(2), word(field, 4)])
  return Buffer.concat([...numbers, Buffer.from(vr), word(field, 2)])
}
