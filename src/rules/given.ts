import { type AttributePath, type Tag, tagOf } from '../dicom/attribute-path.ts'
import { type CharacterSet, characterSetOf, UTF_8 } from '../dicom/character-set.ts'
import { transferSyntaxByKeyword } from '../dicom/transfer-syntax.ts'
import { isOneValue, usesCharacterSet } from '../dicom/vr.ts'
import { keyOf } from './draft.ts'
import type { Facts, HeaderView } from './facts.ts'
import { type AttributeName, type Name, parseName } from './name.ts'
import { isSopClassKeyword, sopClassUid } from './sop-class.ts'

/** What a test or an operator says of an instance: names with their values. */
export type Given = ReadonlyMap<string, readonly string[]>

const USUAL: Omit<Facts, 'header' | 'sopInstanceUid' | 'amendments' | 'answers'> = {
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
    else if (name.kind === 'attribute') attributes.set(keyOf(name.path), { name, values: splitValues(name, values) })
    else if (name.kind === 'ours') ours[FIELDS[name.name]] = uidOf(name.name, values[0] ?? '')
  }
  if (problems.size > 0) return { problems }
  const header = new GivenHeader(attributes)
  const [uid = '1.2.3.4.5'] = header.values([{ tag: tagOf(0x0008, 0x0018) }]) ?? []
  return { ...ours, sopInstanceUid: uid, header }
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

const splitValues = (name: AttributeName, values: readonly string[]): readonly string[] =>
  (isOneValue(name.vr) ? values : values.flatMap((value) => value.split('\\'))).filter(
    (value, _, all) => all.length > 1 || value !== '',
  )

class GivenHeader implements HeaderView {
  readonly #attributes: ReadonlyMap<string, GivenAttribute>
  readonly declared: CharacterSet

  constructor(attributes: ReadonlyMap<string, GivenAttribute>) {
    this.#attributes = attributes
    const terms = this.values([{ tag: tagOf(0x0008, 0x0005) }]) ?? []
    this.declared = terms.length === 0 ? UTF_8 : characterSetOf(terms)
  }

  values(path: AttributePath): readonly string[] | undefined {
    return this.#attributes.get(keyOf(path))?.values ?? []
  }

  has(path: AttributePath): boolean {
    return this.#attributes.has(keyOf(path))
  }

  vr(path: AttributePath): string | undefined {
    return this.#attributes.get(keyOf(path))?.name.vr
  }

  tags(): readonly Tag[] {
    const tags = [...this.#attributes.values()].flatMap(({ name }) => name.path[0]?.tag ?? [])
    return [...new Set(tags)].sort((a, b) => a - b)
  }

  texts(): ReturnType<HeaderView['texts']> {
    return [...this.#attributes.values()]
      .filter(({ name }) => usesCharacterSet(name.vr))
      .map(({ name, values }) => ({ path: name.path, vr: name.vr, values, isAscii: false }))
  }
}
