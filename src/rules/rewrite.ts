import { z } from 'zod'
import { isOneValue } from '../dicom/vr.ts'
import { compileHash, compileUid } from './keyed-verb.ts'
import { type AttributeName, type Name, type NameScope, parseName } from './name.ts'
import { compilePattern, isPattern } from './pattern.ts'
import type { Place } from './place.ts'
import { readTarget, readWhat, WORDLESS } from './rewrite-target.ts'
import { compileTemplate, leastLength, literalOf, type Template } from './template.ts'
import type { Otherwise, Replacement, Verb } from './verb.ts'
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
    .strictObject({
      from: z.string().describe('The attribute whose values are taken, as they are at this point.'),
      to: z.string().describe('The attribute that gets them.'),
    })
    .optional()
    .describe('Takes the values of one attribute for another.'),
  replace: z
    .strictObject({
      in: z.string().describe('The attribute.'),
      pattern: z.string().describe('An RE2 pattern, found anywhere in a value; every place of it.'),
      with: z.string().describe('What stands there instead: text with {NAME}, $1 for the first group.'),
    })
    .optional()
    .describe('Replaces what an RE2 pattern finds anywhere in each value; $1 is its first group.'),
  map: z
    .strictObject({
      in: z.string().describe('The attribute.'),
      using: z.string().describe('The name of a map under maps.'),
      otherwise: z
        .string()
        .optional()
        .describe('What becomes of a value that the map does not have: keep, empty, hold, or a text.'),
    })
    .optional()
    .describe('Looks each value up in a map; otherwise: keep (unless said), empty, hold, or a text.'),
  hash: z
    .strictObject({
      of: names.describe('The attributes, inside sequences too.'),
      key: z.string().describe('The name of a key.'),
      length: z.string().optional().describe('How many of the 64 characters are kept: 4 to 64; all unless said.'),
    })
    .optional()
    .describe('Puts keyed hashes (HMAC-SHA-256, hexadecimal) in the place of values.'),
  uid: z
    .strictObject({
      of: names.describe('The attributes; what refers to them is mapped with them.'),
      key: z.string().describe('The name of a key: another key gives other UIDs.'),
    })
    .optional()
    .describe('Gives UIDs new ones, the same for the same, with every reference to them at any depth.'),
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
  const single = compileSingle(verb, inside, context)
  return single === undefined ? [] : [single]
}

function compileSingle(verb: string, inside: Place, { maps, keys, scope }: VerbContext): Verb | undefined {
  switch (verb) {
    case 'copy':
      return compileCopy(inside, scope)
    case 'replace':
      return compileReplace(inside, scope)
    case 'map':
      return compileMap(inside, maps)
    case 'hash':
      return compileHash(inside, keys)
    default:
      return compileUid(inside, keys)
  }
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
