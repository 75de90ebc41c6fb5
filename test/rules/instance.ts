import { editDataSet } from '../../src/dicom/edit.ts'
import type { Header } from '../../src/dicom/header.ts'
import { transferSyntaxOf } from '../../src/dicom/transfer-syntax.ts'
import { decide } from '../../src/rules/decide.ts'
import type { Decision, PlannedForward } from '../../src/rules/decision.ts'
import type { Facts } from '../../src/rules/facts.ts'
import { viewOfHeader } from '../../src/rules/header-view.ts'
import type { Ruleset } from '../../src/rules/ruleset.ts'
import { encode, type MadeElement } from '../dicom/random-data-set.ts'
import { gather, headerOf, slicesOf } from '../dicom/slices.ts'
import { rulesetOf } from './support.ts'

/** A text element, padded as its VR wants it. */
export function text(tag: number, vr: string, value: string, encoding: BufferEncoding = 'latin1'): MadeElement {
  const bytes = Buffer.from(value, encoding)
  const padding = Buffer.from(vr === 'UI' ? '\0' : ' ')
  return { kind: 'value', tag, vr, value: bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, padding]) }
}

export const sequence = (tag: number, ...items: readonly (readonly MadeElement[])[]): MadeElement => ({
  kind: 'sequence',
  tag,
  hasLength: true,
  items: items.map((elements) => ({ hasLength: true, elements })),
})

export const EXPLICIT = '1.2.840.10008.1.2.1'

/** What the rules see of a data set. */
export async function factsOf(dataSet: Buffer, transferSyntax = EXPLICIT, charset?: string): Promise<Facts> {
  const scanned = await headerOf(dataSet, transferSyntaxOf(transferSyntax))
  const header = charset === undefined ? scanned : scanned.withDefaultCharacterSet([charset])
  return {
    callingAe: 'CT1',
    calledAe: 'KURIR',
    peer: '127.0.0.1',
    door: 'dimse',
    sopClass: '1.2',
    sopInstanceUid: header.sopInstanceUid ?? '1.2.3',
    transferSyntax,
    header: viewOfHeader(header),
    receivedAt: 1_767_225_600_000,
  }
}

export interface Rewritten {
  readonly decision: Decision
  readonly forward: PlannedForward | undefined
  /** As it leaves; undefined where it is held. */
  readonly header: Header | undefined
  readonly bytes: Buffer | undefined
}

/** What a rule that forwards to `a` makes of a data set: decided, edited and read again. */
export async function rewritten(
  rule: string | Ruleset,
  elements: readonly MadeElement[] | Buffer,
  transferSyntax = EXPLICIT,
  charset?: string,
): Promise<Rewritten> {
  const syntax = transferSyntaxOf(transferSyntax)
  const dataSet = Buffer.isBuffer(elements) ? elements : encode(elements, syntax)
  const ruleset = typeof rule === 'string' ? rulesetOf(`rules: [{ name: r, rewrite: [${rule}], forward: [a] }]`) : rule
  const decision = decide(ruleset, await factsOf(dataSet, transferSyntax, charset))
  const [forward] = decision.forwards
  if (forward === undefined) return { decision, forward, header: undefined, bytes: undefined }
  const bytes = await gather(editDataSet(slicesOf(dataSet, 333), syntax, forward.edits))
  return { decision, forward, header: await headerOf(bytes, syntax), bytes }
}

/** Every text of a header by its tags: `00081115[0].0008103e`. */
export function textsOf(header: Header | undefined): Readonly<Record<string, string>> {
  const texts: [string, string][] = []
  for (const element of header?.walk() ?? []) {
    const name = element.path.map(
      ({ tag, item }) => tag.toString(16).padStart(8, '0') + (item === undefined ? '' : `[${item}]`),
    )
    const value = header?.read(element)?.join('\\')
    texts.push([name.join('.'), element.isSequence ? `(${element.itemCount})` : (value ?? '?')])
  }
  return Object.fromEntries(texts)
}
