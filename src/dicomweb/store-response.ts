/** One instance that is stored: an item of (0008,1199) (PS3.18 10.5.3, table 10.5.3-2). */
export interface StoredInstance {
  readonly sopClassUid: string
  readonly sopInstanceUid: string
  /** Where it can be read; null while that is not known. */
  readonly retrieveUrl: string | null
  /** (0008,1196). */
  readonly warning?: number
}

/** One that is not, under the UIDs that it gave: an item of (0008,1198). */
export interface FailedInstance {
  readonly sopClassUid: string
  readonly sopInstanceUid: string
  /** (0008,1197). */
  readonly reason: number
}

/** What a store came to. */
export interface StoreReport {
  /** Of the study; null where the instances are of several, or none is known. */
  readonly studyUrl: string | null
  readonly stored: readonly StoredInstance[]
  readonly failed: readonly FailedInstance[]
  /** Failure reasons of parts without UIDs that could be used: items of (0008,119A). */
  readonly nameless: readonly number[]
}

/** Failure and warning reasons (PS3.18 I.2, PS3.4 B.2.3, PS3.7 C). */
export const REASON = {
  processingFailure: 0x0110,
  duplicateInstance: 0x0111,
  outOfResources: 0xa700,
  doesNotMatch: 0xa900,
  cannotUnderstand: 0xc000,
  transferSyntaxNotSupported: 0xc122,
  /** Warning: stored, but the data set does not agree with itself or with what it was said to be. */
  storedDoubtful: 0xb007,
} as const

interface Attribute {
  readonly tag: string
  readonly keyword: string
  readonly vr: 'SQ' | 'UI' | 'UR' | 'US'
  readonly values: readonly (string | number | readonly Attribute[])[]
}

const text = (tag: string, keyword: string, vr: 'UI' | 'UR', value: string | null): Attribute => ({
  tag,
  keyword,
  vr,
  values: value === null ? [] : [value],
})
const reason = (tag: string, keyword: string, value: number): Attribute => ({ tag, keyword, vr: 'US', values: [value] })

const sequence = (tag: string, keyword: string, items: readonly (readonly Attribute[])[]): readonly Attribute[] =>
  items.length === 0 ? [] : [{ tag, keyword, vr: 'SQ', values: items }]

const named = (instance: { readonly sopClassUid: string; readonly sopInstanceUid: string }): readonly Attribute[] => [
  text('00081150', 'ReferencedSOPClassUID', 'UI', instance.sopClassUid),
  text('00081155', 'ReferencedSOPInstanceUID', 'UI', instance.sopInstanceUid),
]

function attributesOf({ studyUrl, stored, failed, nameless }: StoreReport): readonly Attribute[] {
  const failure = (value: number): Attribute => reason('00081197', 'FailureReason', value)
  return [
    text('00081190', 'RetrieveURL', 'UR', studyUrl),
    ...sequence(
      '00081198',
      'FailedSOPSequence',
      failed.map((one) => [...named(one), failure(one.reason)]),
    ),
    ...sequence('00081199', 'ReferencedSOPSequence', stored.map(storedItem)),
    ...sequence(
      '0008119A',
      'OtherFailuresSequence',
      nameless.map((value) => [failure(value)]),
    ),
  ]
}

const storedItem = (one: StoredInstance): readonly Attribute[] =>
  [
    ...named(one),
    text('00081190', 'RetrieveURL', 'UR', one.retrieveUrl),
    ...(one.warning === undefined ? [] : [reason('00081196', 'WarningReason', one.warning)]),
  ].toSorted((a, b) => (a.tag < b.tag ? -1 : 1))

/** The body of a store's answer in the DICOM JSON Model (PS3.18 annex F). */
export const storeResponseJson = (report: StoreReport): string => JSON.stringify(jsonOf(attributesOf(report)))

function jsonOf(attributes: readonly Attribute[]): object {
  return Object.fromEntries(
    attributes.map(({ tag, vr, values }) => {
      const Value = values.map((value) => (isItem(value) ? jsonOf(value) : value))
      return [tag, Value.length === 0 ? { vr } : { vr, Value }]
    }),
  )
}

const isItem = (value: string | number | readonly Attribute[]): value is readonly Attribute[] =>
  typeof value === 'object'

/** The same in the Native DICOM Model (PS3.19 A.1). */
export const storeResponseXml = (report: StoreReport): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM" xml:space="preserve">${xmlOf(attributesOf(report))}</NativeDicomModel>\n`

function xmlOf(attributes: readonly Attribute[]): string {
  return attributes
    .map(({ tag, keyword, vr, values }) => {
      const inner = values.map((value, index) =>
        isItem(value)
          ? `<Item number="${index + 1}">${xmlOf(value)}</Item>`
          : `<Value number="${index + 1}">${escapeXml(String(value))}</Value>`,
      )
      return `<DicomAttribute tag="${tag}" vr="${vr}" keyword="${keyword}">${inner.join('')}</DicomAttribute>`
    })
    .join('')
}

const escapeXml = (value: string): string =>
  value.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`).replace(/[^\x20-\uffff]/g, '')
