import { z } from 'zod'
import { lookUpKeyword } from '../dicom/dictionary.ts'
import { isOneValue } from '../dicom/vr.ts'
import { type AttributeName, type Name, type NameScope, parseName } from './name.ts'
import { compilePattern, isPattern } from './pattern.ts'
import type { Place } from './place.ts'
import { compileTemplate, leastLength, literalOf, type Template } from './template.ts'
import type { Group, Otherwise, Replacement, Verb } from './verb.ts'
import { longestOf, unfit } from './vr-limit.ts'

/** The maps of all files by name. */
export type Maps = ReadonlyMap<string, ReadonlyMap<string, string>>

/** What stands around a rewrite. */
export interface VerbContext {
  readonly maps: Maps
  readonly scope: NameScope
  /** The names under `keys:` of all files. */
  readonly keys: ReadonlySet<string>
}

const templates = z.record(z.string(), z.string())
const names = z.array(z.string()).min(1)

/** One entry of `rewrite`: exactly one verb. */
export const verbSchema = z.strictObject({
  set: templates.optional().describe('Gives attributes a value: text with {NAME}.'),
  set_if_missing: templates.optional().describe('The same, for attributes that have no value.'),
  prefix: templates.optional().describe('Puts text before each value.'),
  suffix: templates.optional().describe('Puts text behind each value.'),
  append: templates.optional().describe('Adds one value behind those that are there.'),
  copy: z
    .strictObject({ from: z.string(), to: z.string() })
    .optional()
    .describe('Takes the values of one attribute for another.'),
  replace: z
    .strictObject({ in: z.string(), pattern: z.string(), with: z.string() })
    .optional()
    .describe('Replaces what an RE2 pattern finds anywhere in each value; $1 is its first group.'),
  map: z
    .strictObject({ in: z.string(), using: z.string(), otherwise: z.string().optional() })
    .optional()
    .describe('Looks each value up in a map; otherwise: keep (unless said), empty, hold, or a text.'),
  remove: names
    .optional()
    .describe('Takes elements out: names, (gggg,xxxx) for a group, private for all private ones.'),
  empty: names.optional().describe('Leaves the elements without a value.'),
})
const TEMPLATE_VERBS = ['set', 'set_if_missing', 'prefix', 'suffix', 'append'] as const
type TemplateVerb = (typeof TEMPLATE_VERBS)[number]

/** The verbs of one rewrite entry; what is wrong is reported and left out. */
export function compileVerbs(place: Place, context: VerbContext): readonly Verb[] {
  const entry = place.read(verbSchema)
  if (entry === undefined) return []
  const verbs = Object.keys(entry)
  const [verb] = verbs
  if (verb === undefined || verbs.length > 1) {
    place.report(
      verb === undefined
        ? 'A rewrite entry without a verb.'
        : `One verb in each rewrite entry; here are ${verbs.join(' and ')}.`,
    )
    return []
  }
  const inside = place.at(verb)
  const templateVerb = TEMPLATE_VERBS.find((known) => known === verb)
  if (templateVerb !== undefined)
    return inside
      .entries()
      .flatMap(([name, template]) => compileTemplateVerb(templateVerb, name, template, context.scope) ?? [])
  if (verb === 'remove' || verb === 'empty') {
    return inside.items().flatMap((item) => {
      const what = readWhat(item, verb)
      return what === undefined ? [] : [{ verb, what }]
    })
  }
  const single =
    verb === 'copy'
      ? compileCopy(inside, context.scope)
      : verb === 'replace'
        ? compileReplace(inside, context.scope)
        : compileMap(inside, context.maps)
  return single === undefined ? [] : [single]
}

function compileTemplateVerb(verb: TemplateVerb, text: string, place: Place, scope: NameScope): Verb | undefined {
  const name = readTarget(place, text, true)
  const template = compileTemplate(place, scope)
  if (name === undefined || template === undefined) return undefined
  const fault = literalFault(verb, name, template)
  if (fault !== undefined) return place.report(fault)
  return { verb, name, template }
}

/** What can be seen at load already: RULES.md 1.7, literals too long for their VR. */
function literalFault(verb: TemplateVerb, name: AttributeName, template: Template): string | undefined {
  if (template.length === 0) return `An empty text; to leave ${name.text} without a value, write empty: [${name.text}].`
  if (name.isPrivate || name.vr === 'UN') return undefined
  const literal = literalOf(template)
  const longest = longestOf(name.vr)
  if (literal === undefined || verb === 'prefix' || verb === 'suffix') {
    const least = leastLength(template)
    const fits =
      longest === undefined ||
      least <= longest ||
      template.some((part) => typeof part === 'string' && /[\\=]/.test(part))
    return fits ? undefined : `The literal for ${name.text} is ${least} characters; ${name.vr} holds ${longest}.`
  }
  const values = isOneValue(name.vr) ? [literal] : literal.split('\\')
  if (values.length > 1 && name.vm === '1')
    return `${name.text} holds one value; the backslash makes ${values.length} of this.`
  const fault = values.map((value) => unfit(value, name.vr)).find((unfitness) => unfitness !== undefined)
  return fault === undefined ? undefined : `The literal for ${name.text} ${fault}.`
}

function compileCopy(place: Place, scope: NameScope): Verb | undefined {
  const from = readSource(place.at('from'), scope)
  const to = readTarget(place.at('to'), place.at('to').text() ?? '', false)
  return from === undefined || to === undefined ? undefined : { verb: 'copy', from, to }
}

function readSource(place: Place, scope: NameScope): Name | undefined {
  const name = parseName(place.text() ?? '', scope)
  if ('problem' in name) return place.report(name.problem)
  if (name.kind === 'attribute' && WORDLESS.has(name.vr))
    return place.report(`${name.text} is ${name.vr}; only text and numbers are copied.`)
  return name
}

function compileReplace(place: Place, scope: NameScope): Verb | undefined {
  const target = readTarget(place.at('in'), place.at('in').text() ?? '', false)
  const pattern = compilePattern((place.at('pattern').text() ?? '').normalize('NFC'))
  if (!isPattern(pattern)) return place.at('pattern').report(pattern.problem)
  const replacement = readReplacement(place.at('with'), pattern.groupCount(), scope)
  if (target === undefined || replacement === undefined) return undefined
  return { verb: 'replace', in: target, pattern, with: replacement }
}

/** `$1` to `$9` are groups of the pattern, `$$` is a dollar; the rest is a template. */
function readReplacement(place: Place, groups: number, scope: NameScope): Replacement | undefined {
  const template = compileTemplate(place, scope)
  if (template === undefined) return undefined
  const parts: (string | number | { template: Template })[] = []
  for (const part of template) {
    if (typeof part !== 'string') {
      parts.push({ template: [part] })
      continue
    }
    for (const [piece] of part.matchAll(/\$\$|\$\d|[^$]+|\$/g)) {
      if (piece === '$$' || !/^\$\d$/.test(piece)) parts.push(piece === '$$' ? '$' : piece)
      else if (Number(piece.slice(1)) <= groups) parts.push(Number(piece.slice(1)))
      else
        return place.report(
          `The pattern has ${groups === 0 ? 'no group' : `${groups} group${groups > 1 ? 's' : ''}`}, so there is no ${piece}.`,
        )
    }
  }
  return parts
}

function compileMap(place: Place, maps: Maps): Verb | undefined {
  const target = readTarget(place.at('in'), place.at('in').text() ?? '', false)
  const using = place.at('using').text() ?? ''
  const map = maps.get(using)
  if (map === undefined) {
    const known = [...maps.keys()].sort()
    return place
      .at('using')
      .report(`No map ${using}.${known.length === 0 ? ' None is declared.' : ` There are: ${known.join(', ')}.`}`)
  }
  if (target === undefined) return undefined
  return { verb: 'map', in: target, using, map, otherwise: readOtherwise(place.at('otherwise').text()) }
}

const readOtherwise = (text: string | undefined): Otherwise =>
  text === undefined || text === 'keep'
    ? { kind: 'keep' }
    : text === 'empty' || text === 'hold'
      ? { kind: text }
      : { kind: 'text', text }

const WORDLESS: ReadonlySet<string> = new Set(['SQ', 'AT', 'OB', 'OD', 'OF', 'OL', 'OV', 'OW'])

/** The attribute a verb writes; `atKey` says whether its name is the key of the place. */
function readTarget(place: Place, text: string, atKey: boolean): AttributeName | undefined {
  const report = (message: string): undefined => (atKey ? place.reportKey(message) : place.report(message))
  const name = parseAttributeOnly(text)
  if ('problem' in name) return report(name.problem)
  const shield = shieldOf(name)
  if (shield !== undefined) return report(shield)
  if (WORDLESS.has(name.vr) || (name.vr === 'UN' && !name.isPrivate))
    return report(`${name.text} is ${name.vr}; a rewrite writes text and numbers only.`)
  return name
}

function parseAttributeOnly(text: string): AttributeName | { readonly problem: string } {
  const name = parseName(text)
  if ('problem' in name || name.kind === 'attribute') return name
  return { problem: `${text} is a fact about the reception; only attributes can be rewritten.` }
}

const IDENTITY: ReadonlySet<string> = new Set(['StudyInstanceUID', 'SeriesInstanceUID', 'SOPInstanceUID'])

/** Why a rewrite may not touch the attribute (RULES.md 3.6). */
function shieldOf(name: AttributeName): string | undefined {
  if (name.path.length > 1) return `This version does not rewrite attributes inside sequences yet (${name.text}).`
  const tag = name.path.at(-1)?.tag ?? 0
  const is = (keyword: string): boolean => lookUpKeyword(keyword)?.tag === tag
  if (is('SOPClassUID')) return 'SOPClassUID cannot be rewritten: it says what the instance is.'
  if ([...IDENTITY].some(is))
    return `${name.text} cannot be rewritten by this verb; this version does not have the verb uid yet.`
  if (is('SpecificCharacterSet'))
    return 'SpecificCharacterSet cannot be rewritten: it follows from the text that is written.'
  if (tag >>> 16 <= 0x0002) return `${name.text} is not part of the data set and cannot be rewritten.`
  if (tag >>> 16 >= 0x7fe0) return `${name.text} is pixel data or stands behind it, and cannot be rewritten.`
  if ((tag & 0xffff) === 0) return `${name.text} is a group length and cannot be rewritten.`
  return undefined
}

const WHOLE_GROUP = /^\(([0-9a-fA-F]{4}),[xX]{4}\)$/

function readWhat(place: Place, verb: 'remove' | 'empty'): AttributeName | Group | undefined {
  const text = place.text() ?? ''
  if (text === 'private') return { group: 'private', text }
  const group = WHOLE_GROUP.exec(text)?.[1]
  if (group !== undefined) {
    const number = Number.parseInt(group, 16)
    if (number % 2 === 1) return { group: number, text }
    return place.report(
      `${text} is not a private group; only private groups are ${verb === 'remove' ? 'removed' : 'emptied'} whole.`,
    )
  }
  const name = parseAttributeOnly(text)
  if ('problem' in name) return place.report(name.problem)
  const shield = shieldOf(name)
  return shield === undefined ? name : place.report(shield)
}
