import { type AttributePath, type PathStep, parseTag } from '../dicom/attribute-path.ts'
import { implicitVr, isPrivate, lookUpKeyword, lookUpTag, suggestKeyword } from '../dicom/dictionary.ts'
import { unpadEnd } from '../dicom/padding.ts'
import { transferSyntaxOf } from '../dicom/transfer-syntax.ts'
import type { Facts } from './facts.ts'
import { sopClassKeyword } from './sop-class.ts'
import { didYouMean } from './suggestion.ts'

const OUR_NAMES = ['calling_ae', 'called_ae', 'peer', 'door', 'sop_class', 'transfer_syntax'] as const
type OurName = (typeof OUR_NAMES)[number]

/** Facts about a whole study, for the study moment. */
const STUDY_NAMES = ['modalities', 'series_count', 'instance_count', 'settled_by'] as const
export type StudyName = (typeof STUDY_NAMES)[number]
/** Whether it stands for a number. */
export const isCount = (name: StudyName): boolean => name === 'series_count' || name === 'instance_count'

/** What a NAME of the rules language stands for: something of ours, or an attribute. */
export type Name =
  | { readonly kind: 'ours'; readonly text: string; readonly name: OurName }
  | { readonly kind: 'study'; readonly text: string; readonly name: StudyName }
  | AnswerName
  | {
      readonly kind: 'attribute'
      readonly text: string
      readonly path: AttributePath
      /** From the dictionary; `UN` for private and unknown tags, whose text is then what the header says it is. */
      readonly vr: string
      readonly vm: string
      readonly isPrivate: boolean
    }
export type AttributeName = Name & { readonly kind: 'attribute' }
/** `order.patient_id`: a field of the answer to the lookup `order`; `found` is always there. */
export interface AnswerName {
  readonly kind: 'answer'
  readonly text: string
  readonly alias: string
  readonly field: string
}

/** Which names that are not attributes may stand at a place of a rule. */
export interface NameScope {
  readonly moment: 'instance' | 'study'
  /** The lookups around it with the fields of their answers; undefined where these are not known. */
  readonly aliases: ReadonlyMap<string, ReadonlySet<string> | undefined>
}

type Refused = { readonly problem: string }

/** Reads `Modality`, `RequestAttributesSequence.ScheduledProcedureStepID`, `…Sequence[0].X`, `(0009,1001)`, `calling_ae`. */
export function parseName(text: string, scope: NameScope = INSTANCE_SCOPE): Name | Refused {
  if (isOurs(text)) return { kind: 'ours', text, name: text }
  if (isStudyName(text)) {
    if (scope.moment === 'study') return { kind: 'study', text, name: text }
    return { problem: `${text} is a fact about a whole study; only a rule with "on: study" has it.` }
  }
  const answer = ANSWER.exec(text)
  if (answer !== null) return parseAnswer(text, answer[1] ?? '', answer[2] ?? '', scope)
  if (/^[a-z]/.test(text)) return { problem: sayUnknown(text) }
  return parseAttribute(text)
}

/** At the instance moment, outside of any lookup. */
export const INSTANCE_SCOPE: NameScope = { moment: 'instance', aliases: new Map() }

const ANSWER = /^([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*)$/

function parseAnswer(text: string, alias: string, field: string, { aliases }: NameScope): Name | Refused {
  if (!aliases.has(alias)) {
    const known = [...aliases.keys()].sort()
    const hint = known.length === 0 ? ' There is none.' : ` There are: ${known.join(', ')}.`
    return { problem: `No lookup ${alias} around this.${hint}` }
  }
  const fields = aliases.get(alias)
  if (field === 'found' || fields === undefined || fields.has(field)) return { kind: 'answer', text, alias, field }
  return { problem: `The answer ${alias} has no ${field}. There are: ${['found', ...[...fields].sort()].join(', ')}.` }
}

const isStudyName = (text: string): text is StudyName => STUDY_NAMES.some((name) => name === text)
const isOurs = (text: string): text is OurName => OUR_NAMES.some((name) => name === text)

function sayUnknown(text: string): string {
  const hint = didYouMean(text, OUR_NAMES)
  if (hint !== '') return `There is no name ${text}.${hint}`
  const keyword = suggestKeyword(text)
  if (keyword !== undefined) return `${text} is not a DICOM keyword. Did you mean ${keyword}?`
  return `There is no name ${text}. There are: ${OUR_NAMES.join(', ')}, and DICOM keywords.`
}

/** Reads the path of an attribute. */
export function parseAttribute(text: string): AttributeName | Refused {
  const steps: PathStep[] = []
  const parts = text.split('.')
  for (const [index, part] of parts.entries()) {
    const step = parseStep(part)
    if ('problem' in step) return step
    const vr = implicitVr(step.tag)
    const isLast = index === parts.length - 1
    if (!isLast && vr !== 'SQ' && !isPrivate(step.tag)) {
      return { problem: `${part} is not a sequence (it is ${vr}), so nothing can stand inside it.` }
    }
    if (isLast && step.item !== undefined) return { problem: `${text} ends in an item; name an attribute inside it.` }
    steps.push(!isLast && step.item === undefined ? { tag: step.tag, item: 'every' } : step)
  }
  const last = steps.at(-1)
  if (last === undefined) return { problem: `${text} is not a name.` }
  const vr = implicitVr(last.tag)
  return {
    kind: 'attribute',
    text,
    path: steps,
    vr,
    vm: lookUpTag(last.tag)?.vm ?? '1-n',
    isPrivate: isPrivate(last.tag),
  }
}

function parseStep(part: string): PathStep | Refused {
  const match = /^(.+?)(?:\[(\d{1,6})\])?$/.exec(part)
  const name = match?.[1] ?? ''
  const item = match?.[2] === undefined ? {} : { item: Number(match[2]) }
  if (name.startsWith('(')) {
    const tag = parseTag(name)
    return tag === undefined ? { problem: `${name} is not a tag; write (gggg,eeee) in hexadecimal.` } : { tag, ...item }
  }
  const entry = lookUpKeyword(name)
  if (entry !== undefined) return { tag: entry.tag, ...item }
  const suggestion = suggestKeyword(name)
  const hint = suggestion === undefined ? '' : ` Did you mean ${suggestion}?`
  return { problem: `${name === '' ? 'Nothing' : name} is not a DICOM keyword.${hint}` }
}

/** The values a name of ours has; of a SOP class or transfer syntax the UID and the keyword both. */
export function ourValues(name: OurName, facts: Facts): readonly string[] {
  switch (name) {
    case 'calling_ae':
      return [facts.callingAe]
    case 'called_ae':
      return [facts.calledAe]
    case 'peer':
      return [facts.peer]
    case 'door':
      return [facts.door]
    case 'sop_class':
      return withKeyword(facts.sopClass, sopClassKeyword(facts.sopClass))
    case 'transfer_syntax':
      return withKeyword(facts.transferSyntax, transferSyntaxOf(facts.transferSyntax).keyword)
    default:
      return name satisfies never
  }
}

const withKeyword = (uid: string, keyword: string | undefined): readonly string[] =>
  keyword === undefined || keyword === 'Unknown' ? [uid] : [uid, keyword]

// Leading spaces count in these (PS3.5 6.2), and the backslash is a character.
const ONE_TEXT: ReadonlySet<string> = new Set(['LT', 'ST', 'UT', 'UR', 'UC'])

/** A value as rules compare it: unpadded, NFC, of a PN the alphabetic group (PS3.5 6.2.1.1). */
export function comparable(value: string, vr: string): string {
  const group = vr === 'PN' ? (value.split('=', 1)[0] ?? '') : value
  const unpadded = unpadEnd(group)
  const bare = ONE_TEXT.has(vr) ? unpadded : unpadded.replace(/^ +/, '')
  // ASCII has one normal form, and almost everything is ASCII.
  return ASCII.test(bare) ? bare : bare.normalize('NFC')
}

/** Whether a value says anything: a PN may in any of its groups, though rules compare the alphabetic one. */
export const isSaid = (value: string, vr: string): boolean =>
  comparable(value, vr) !== '' || (vr === 'PN' && value.split('=').some((group) => comparable(group, vr) !== ''))

// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII
const ASCII = /^[\x00-\x7f]*$/
