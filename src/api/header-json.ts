import { type Tag, tagOf } from '../dicom/attribute-path.ts'
import type { Header, HeaderElement } from '../dicom/header.ts'
import { decodeValue } from '../dicom/value.ts'

type JsonValue = string | number | null | JsonName | JsonDataSet
interface JsonName {
  readonly Alphabetic?: string
  readonly Ideographic?: string
  readonly Phonetic?: string
}

/** One element of the DICOM JSON Model (PS3.18 F.2.2). */
export interface JsonElement {
  readonly vr: string
  readonly Value?: readonly JsonValue[]
  readonly InlineBinary?: string
}

/** A data set of the DICOM JSON Model, by tags of eight hexadecimal digits. */
export type JsonDataSet = { [tag: string]: JsonElement }

const SPECIFIC_CHARACTER_SET = tagOf(0x0008, 0x0005)
const BYTES: ReadonlySet<string> = new Set(['OB', 'OD', 'OF', 'OL', 'OV', 'OW', 'UN'])
const NUMBERS: ReadonlySet<string> = new Set(['DS', 'FD', 'FL', 'IS', 'SL', 'SS', 'SV', 'UL', 'US', 'UV'])

export const jsonTag = (tag: Tag): string => (tag >>> 0).toString(16).padStart(8, '0').toUpperCase()

/**
 * What stood before an instance's pixel data, all of it or some of the data set's own elements (PS3.18 F). A value that was
 * too large to keep is left out: an element without a value would say that it has none.
 */
export function headerJson(header: Header, wanted?: (tag: Tag) => boolean): JsonDataSet {
  const root: JsonDataSet = {}
  const items = new Map<string, JsonDataSet>()
  for (const element of header.walk()) {
    const [top] = element.path
    if (top === undefined || (wanted !== undefined && !wanted(top.tag))) continue
    const parent = element.path.length === 1 ? root : items.get(itemKey(element.path.slice(0, -1)))
    // US or SS is not said by an implicit data set; what is UN stays as it came.
    const vr = element.vr === 'US' ? header.readableVr(element.tag, element.vr) : element.vr
    const json = elementJson(element, vr)
    if (parent === undefined || json === undefined || isGroupLength(element.tag)) continue
    parent[jsonTag(element.tag)] = json
    if (!element.isSequence) continue
    for (const [number, item] of (json.Value ?? []).entries()) {
      const path = [...element.path.slice(0, -1), { tag: element.tag, item: number }]
      items.set(itemKey(path), item as JsonDataSet)
    }
  }
  return root
}

/** Not of the model (PS3.18 F.2.2). */
const isGroupLength = (tag: Tag): boolean => (tag & 0xffff) === 0

/** A data set as text, its attributes in ascending order (PS3.18 F.2.2): an object puts names that look like numbers first. */
export function dataSetText(dataSet: JsonDataSet): string {
  const attributes = Object.entries(dataSet).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${attributes.map(([tag, element]) => `"${tag}":${elementText(element)}`).join(',')}}`
}

function elementText(element: JsonElement): string {
  const { vr, Value: items } = element
  if (vr !== 'SQ' || items === undefined) return JSON.stringify(element)
  return `{"vr":"SQ","Value":[${items.map((item) => dataSetText(item as JsonDataSet)).join(',')}]}`
}

const itemKey = (path: HeaderElement['path']): string => path.map(({ tag, item }) => `${tag}.${item}`).join('/')

function elementJson(element: HeaderElement, vr: string): JsonElement | undefined {
  const { tag } = element
  if (element.isSequence) {
    const Value = Array.from({ length: element.itemCount }, (): JsonDataSet => ({}))
    return Value.length === 0 ? { vr: 'SQ' } : { vr: 'SQ', Value }
  }
  // Text is UTF-8 here, whatever it was (PS3.18 F.2.1.1).
  if (tag === SPECIFIC_CHARACTER_SET) return { vr: 'CS', Value: ['ISO_IR 192'] }
  const bytes = element.value
  if (bytes === undefined) return element.length === 0 ? { vr } : undefined
  if (BYTES.has(vr)) return bytesJson(element, bytes)
  const values = decodeValue(bytes, vr, element.bigEndian, element.characterSet)
  if (values === undefined) return undefined
  return values.length === 0 ? { vr } : { vr, Value: values.map((value) => valueJson(vr, value)) }
}

/** Little endian (PS3.18 F.2.7): words of the other order are left out rather than given wrongly. */
function bytesJson({ vr, bigEndian }: HeaderElement, bytes: Buffer): JsonElement | undefined {
  if (bytes.length === 0) return { vr }
  if (bigEndian && vr !== 'OB' && vr !== 'UN') return undefined
  return { vr, InlineBinary: bytes.toString('base64') }
}

function valueJson(vr: string, value: string): JsonValue {
  if (value === '') return null
  if (vr === 'PN') return nameJson(value)
  if (vr === 'AT') return value.replace(/[(),]/g, '').toUpperCase()
  if (!NUMBERS.has(vr)) return value
  const number = Number(value)
  // A number that JSON would change stays text, as the model allows (PS3.18 F.2.3.1).
  return value.trim() !== '' && Number.isFinite(number) && Math.abs(number) <= Number.MAX_SAFE_INTEGER ? number : value
}

function nameJson(value: string): JsonName {
  const [Alphabetic = '', Ideographic = '', Phonetic = ''] = value.split('=')
  return {
    ...(Alphabetic === '' ? {} : { Alphabetic }),
    ...(Ideographic === '' ? {} : { Ideographic }),
    ...(Phonetic === '' ? {} : { Phonetic }),
  }
}
