import { KurirError } from '../base/failure.ts'
import { type Tag, tagOf } from '../dicom/attribute-path.ts'
import { implicitVr } from '../dicom/dictionary.ts'
import { trimEnd } from '../dicom/padding.ts'
import { isVr, type Vr } from '../dicom/vr.ts'
import { badModel, MODEL_DEPTH, ModelBudget, type ModelContent, type ModelElement, type ModelItem } from './model.ts'
import type { Steps } from './steps.ts'

const TAG = /^[0-9A-Fa-f]{8}$/

/**
 * Reads the DICOM JSON Model (PS3.18 annex F): one instance, or an array of them.
 *
 * @param refuse takes what one instance of an array cannot be read for; the others are read all the same
 * @throws KurirError `invalid-dataset` for the text as a whole, and for an instance where nobody takes that
 */
export function* readJsonModel(text: string, refuse?: (error: KurirError) => void): Steps<readonly ModelItem[]> {
  const read = parse(text)
  yield
  const budget = new ModelBudget()
  const models: ModelItem[] = []
  for (const instance of Array.isArray(read) ? read : [read]) {
    try {
      models.push(yield* itemOf(instance, 0, budget))
    } catch (error) {
      if (refuse === undefined || budget.isSpent || !(error instanceof KurirError)) throw error
      refuse(error)
    }
  }
  return models
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw badModel('the metadata is no JSON')
  }
}

type Json = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

function* itemsOf(values: readonly unknown[], depth: number, budget: ModelBudget): Steps<readonly ModelItem[]> {
  const items: ModelItem[] = []
  for (const value of values) items.push(yield* itemOf(value, depth, budget))
  return items
}

function* itemOf(value: unknown, depth: number, budget: ModelBudget): Steps<ModelItem> {
  budget.node()
  yield
  // An empty item may be null (PS3.18 F.2.5).
  if (value === null) return []
  if (!isObject(value)) throw badModel('an item of the metadata is no object')
  if (depth > MODEL_DEPTH) throw badModel('sequences stand too deep in one another')
  const elements: ModelElement[] = []
  for (const [key, attribute] of Object.entries(value)) elements.push(yield* elementOf(key, attribute, depth, budget))
  return elements
}

function* elementOf(key: string, attribute: unknown, depth: number, budget: ModelBudget): Steps<ModelElement> {
  budget.node()
  if (!TAG.test(key) || !isObject(attribute)) throw badModel('an attribute of the metadata has no tag of eight digits')
  const tag = tagOf(Number.parseInt(key.slice(0, 4), 16), Number.parseInt(key.slice(4), 16))
  const vr = vrOf(attribute['vr'], tag)
  return { tag, vr, content: yield* contentOf(attribute, vr, depth, budget) }
}

function vrOf(stated: unknown, tag: Tag): Vr {
  if (stated === undefined) return implicitVr(tag)
  if (typeof stated !== 'string' || !isVr(stated))
    throw badModel('an attribute of the metadata has a VR that there is not')
  return stated
}

function* contentOf(attribute: Json, vr: Vr, depth: number, budget: ModelBudget): Steps<ModelContent> {
  const { Value: values, InlineBinary: inline, BulkDataURI: uri } = attribute
  if ([values, inline, uri].filter((one) => one !== undefined).length > 1) {
    throw badModel('an attribute of the metadata has two contents')
  }
  if (typeof uri === 'string' && uri !== '') return { kind: 'bulk', uri }
  if (inline !== undefined) return { kind: 'bytes', bytes: base64Of(inline) }
  if (values !== undefined && !Array.isArray(values)) throw badModel('the Value of an attribute is no array')
  const list: readonly unknown[] = values ?? []
  if (vr === 'SQ') return { kind: 'items', items: yield* itemsOf(list, depth + 1, budget) }
  budget.values(list.length)
  return { kind: 'values', values: yield* textsOf(list, vr) }
}

const VALUES_A_STEP = 2_048

function* textsOf(list: readonly unknown[], vr: Vr): Steps<readonly string[]> {
  const texts: string[] = []
  for (const value of list) {
    texts.push(textOf(value, vr))
    if (texts.length % VALUES_A_STEP === 0) yield
  }
  return texts
}

const BASE64 = /^[A-Za-z0-9+/\s]*(?:={1,2}\s*)?$/

function base64Of(inline: unknown): Buffer {
  if (typeof inline !== 'string' || !BASE64.test(inline)) throw badModel('an InlineBinary is no Base64')
  return Buffer.from(inline, 'base64')
}

function textOf(value: unknown, vr: Vr): string {
  if (value === null) return ''
  if (typeof value === 'string') return value
  if (typeof value === 'number') return vr === 'DS' ? decimalString(value) : numberText(exactly(value, vr))
  if (vr === 'PN' && isObject(value)) return personName(value)
  throw badModel('a value of an attribute is of the wrong kind')
}

const FLOATING: ReadonlySet<Vr> = new Set(['FD', 'FL'])

/** JSON has rounded a longer number, and 1.10 is 1.1 to it: as a text it would be another one (PS3.18 F.2.3 writes those in quotes). */
function exactly(value: number, vr: Vr): number {
  if (FLOATING.has(vr) || Number.isSafeInteger(value)) return value
  throw badModel('a number is not kept by JSON as it was written')
}

const numberText = (value: number): string => (Object.is(value, -0) ? '-0' : String(value))

/** At most 16 characters (PS3.5 6.2): a number with more digits is rounded to what fits, as little as may be. */
function decimalString(value: number): string {
  if (value === 0) return numberText(value)
  for (let digits = 17; digits > 1; digits--) {
    const text = numberText(Number(value.toPrecision(digits)))
    if (text.length <= 16) return text
  }
  return numberText(Number(value.toPrecision(1)))
}

/** The component groups of PS3.5 6.2.1.1, of which the last may be left out. */
function personName(value: Json): string {
  const groups = ['Alphabetic', 'Ideographic', 'Phonetic'].map((group) => {
    const text = value[group] ?? ''
    if (typeof text !== 'string') throw badModel('a component of a name is no text')
    return text
  })
  return trimEnd(groups.join('='), '=')
}
