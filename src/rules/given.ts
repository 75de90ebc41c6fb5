import { type AttributePath, tagOf } from '../dicom/attribute-path.ts'
import { type CharacterSet, characterSetOf, UTF_8 } from '../dicom/character-set.ts'
import { transferSyntaxByKeyword } from '../dicom/transfer-syntax.ts'
import { isOneValue } from '../dicom/vr.ts'
import { keyOf } from './draft.ts'
import type { Facts, HeaderView, ViewedElement, Writing } from './facts.ts'
import { type AttributeName, type Name, parseName } from './name.ts'
import { isSopClassKeyword, sopClassUid } from './sop-class.ts'

/** What a test or an operator says of an instance: names with their values. */
export type Given = ReadonlyMap<string, readonly string[]>

// 2026-01-01 00:00 UTC: a test gives the same bytes on any day.
const RECEIVED_AT = 1_767_225_600_000

const USUAL: Pick<Facts, 'callingAe' | 'calledAe' | 'peer' | 'door' | 'sopClass' | 'transferSyntax'> = {
  callingAe: 'ANY-SCU',
  calledAe: 'KURIR',
  peer: '127.0.0.1',
  door: 'dimse',
  sopClass: '1.2.840.10008.5.1.4.1.1.2',
  transferSyntax: '1.2.840.10008.1.2.1',
}

interface GivenAttribute {
  readonly name: AttributeName
  readonly values: readonly string[]
}

/** Facts by hand: what is not said is what is usual, text is UTF-8. Or the sentences that say what cannot be understood. */
export function factsOf(given: Given): Facts | { readonly problems: ReadonlyMap<string, string> } {
  const problems = new Map<string, string>()
  const attributes = new Map<string, GivenAttribute>()
  const ours: { -readonly [key in keyof typeof USUAL]: string } = { ...USUAL }
  for (const [text, values] of given) {
    const name = parseName(text)
    if ('problem' in name) problems.set(text, name.problem)
    else if (name.kind === 'attribute') attributes.set(keyOf(firstItems(name.path)), givenAttribute(name, values))
    else if (name.kind === 'ours') ours[FIELDS[name.name]] = uidOf(name.name, values[0] ?? '')
  }
  if (problems.size > 0) return { problems }
  const header = new GivenHeader(attributes)
  const [uid = '1.2.3.4.5'] = header.values([{ tag: tagOf(0x0008, 0x0018) }]) ?? []
  return { ...ours, sopInstanceUid: uid, header, receivedAt: RECEIVED_AT }
}

const FIELDS = {
  calling_ae: 'callingAe',
  called_ae: 'calledAe',
  peer: 'peer',
  door: 'door',
  sop_class: 'sopClass',
  transfer_syntax: 'transferSyntax',
} as const

function uidOf(name: (Name & { kind: 'ours' })['name'], text: string): string {
  if (name === 'transfer_syntax') return transferSyntaxByKeyword(text)?.uid ?? text
  return name === 'sop_class' && isSopClassKeyword(text) ? (sopClassUid(text) ?? text) : text
}

const givenAttribute = (name: AttributeName, values: readonly string[]): GivenAttribute => ({
  name: { ...name, path: firstItems(name.path) },
  values: splitValues(name, values),
})

const splitValues = (name: AttributeName, values: readonly string[]): readonly string[] =>
  (isOneValue(name.vr) ? values : values.flatMap((value) => value.split('\\'))).filter(
    (value, _, all) => all.length > 1 || value !== '',
  )

/** An item that is not numbered is the first. */
const firstItems = (path: AttributePath): AttributePath =>
  path.map((step) => (step.item === 'every' ? { tag: step.tag, item: 0 } : step))

class GivenHeader implements HeaderView {
  readonly #attributes: ReadonlyMap<string, GivenAttribute>
  readonly #characterSet: CharacterSet

  constructor(attributes: ReadonlyMap<string, GivenAttribute>) {
    this.#attributes = attributes
    const terms = this.values([{ tag: tagOf(0x0008, 0x0005) }]) ?? []
    this.#characterSet = terms.length === 0 ? UTF_8 : characterSetOf(terms)
  }

  values(path: AttributePath): readonly string[] | undefined {
    if (path.length === 1) return this.#attributes.get(keyOf(path))?.values ?? []
    return [...this.#attributes.values()]
      .filter(({ name }) => isAt(name.path, path, true))
      .flatMap(({ values }) => values)
  }

  has(path: AttributePath): boolean {
    return [...this.#attributes.values()].some(({ name }) => isAt(name.path, path, false))
  }

  vr(path: AttributePath): string | undefined {
    const found = [...this.#attributes.values()].find(({ name }) => isAt(name.path, path, false))?.name
    return found === undefined ? undefined : found.path.length > path.length ? 'SQ' : found.vr
  }

  items(path: AttributePath): number | undefined {
    const numbers = [...this.#attributes.values()]
      .filter(({ name }) => isAt(name.path, path, false) && name.path.length > path.length)
      .map(({ name }) => Number(name.path[path.length - 1]?.item ?? 0))
    return numbers.length === 0 ? 0 : Math.max(...numbers) + 1
  }

  writing(): Writing {
    return { characterSet: this.#characterSet, bigEndian: false }
  }

  walk(): readonly ViewedElement[] {
    const elements = [...this.#attributes.values()].map(
      ({ name, values }): ViewedElement => ({
        path: name.path,
        vr: name.vr,
        isSequence: name.vr === 'SQ',
        closed: undefined,
        inside: () => undefined,
        isAscii: false,
        isGuess: false,
        bytes: undefined,
        values: () => values,
      }),
    )
    return elements.sort((a, b) => (keyOf(a.path) < keyOf(b.path) ? -1 : 1))
  }
}

/** Whether a given attribute stands at the path or, unless `exactly`, inside it. */
function isAt(given: AttributePath, path: AttributePath, exactly: boolean): boolean {
  if (exactly ? given.length !== path.length : given.length < path.length) return false
  return path.every(({ tag, item }, index) => {
    const step = given[index]
    if (step === undefined || step.tag !== tag) return false
    return item === undefined || item === 'every' || item === step.item
  })
}
