import { tagOf } from '../dicom/attribute-path.ts'
import { isPrivate, lookUpTag } from '../dicom/dictionary.ts'
import { isOneValue } from '../dicom/vr.ts'
import type { Draft } from './draft.ts'
import { type AttributeName, comparable, type Name } from './name.ts'
import type { Pattern } from './pattern.ts'
import { fill, type Template } from './template.ts'

/** What a `map` does with a value that its map does not have. */
export type Otherwise = { readonly kind: 'keep' | 'empty' | 'hold' } | { readonly kind: 'text'; readonly text: string }

/** One step of a rewrite. */
export type Verb =
  | TemplateVerb
  | { readonly verb: 'copy'; readonly from: Name; readonly to: AttributeName }
  | { readonly verb: 'replace'; readonly in: AttributeName; readonly pattern: Pattern; readonly with: Replacement }
  | {
      readonly verb: 'map'
      readonly in: AttributeName
      readonly using: string
      readonly map: ReadonlyMap<string, string>
      readonly otherwise: Otherwise
    }
  | { readonly verb: 'remove' | 'empty'; readonly what: AttributeName | Group }

interface TemplateVerb {
  readonly verb: 'set' | 'set_if_missing' | 'prefix' | 'suffix' | 'append'
  readonly name: AttributeName
  readonly template: Template
}

/** `private`: all private groups; a number: all elements of that group. */
export type Group = { readonly group: number | 'private'; readonly text: string }

/** What `replace` puts in: text, `{NAME}`s, and `$1` for a group of the pattern. */
export type Replacement = readonly (string | number | { readonly template: Template })[]

/** Carries out one verb on the working copy. Gives the reason when what it asks cannot be done: then the forward is held. */
export function apply(verb: Verb, draft: Draft): string | undefined {
  switch (verb.verb) {
    case 'set':
    case 'set_if_missing':
    case 'prefix':
    case 'suffix':
    case 'append':
      return applyTemplate(verb, draft)
    case 'copy':
      return copy(verb.from, verb.to, draft)
    case 'replace':
      return replace(verb, draft)
    case 'map':
      return applyMap(verb, draft)
    case 'remove':
    case 'empty':
      return removeOrEmpty(verb, draft)
    default:
      return verb satisfies never
  }
}

function applyTemplate(verb: TemplateVerb, draft: Draft): string | undefined {
  const { name } = verb
  if (verb.verb === 'set_if_missing' && draft.isPresent(name)) return undefined
  const old = draft.values(name)
  // There is nothing to put a prefix before.
  if ((verb.verb === 'prefix' || verb.verb === 'suffix') && !draft.isPresent(name)) return undefined
  const filled = fill(verb.template, draft)
  if (filled === undefined) return undefined
  if ('hold' in filled) return filled.hold
  const orphan = orphaned(name, draft)
  if (orphan !== undefined) return orphan
  const vr = draft.vr(name)
  const { text } = filled
  switch (verb.verb) {
    case 'set':
    case 'set_if_missing':
      draft.set(name, isOneValue(vr) ? [text] : text.split('\\'), verb.verb)
      return undefined
    case 'prefix':
      draft.set(
        name,
        old.map((value) => within(value, vr, (inner) => text + inner)),
        verb.verb,
      )
      return undefined
    case 'suffix':
      draft.set(
        name,
        old.map((value) => within(value, vr, (inner) => inner + text)),
        verb.verb,
      )
      return undefined
    case 'append':
      draft.set(name, draft.isPresent(name) ? [...old, text] : [text], verb.verb)
      return undefined
    default:
      return verb.verb satisfies never
  }
}

/** Changes a value, of a PN its alphabetic group; one that is empty stays so. */
function within(value: string, vr: string, change: (inner: string) => string): string {
  const inner = comparable(value, vr)
  if (inner === '') return value
  const rest = vr === 'PN' && value.includes('=') ? value.slice(value.indexOf('=')) : ''
  return change(inner) + rest
}

/** A private element means nothing without the creator that reserves its block (PS3.5 7.8.1). */
function orphaned(name: AttributeName, draft: Draft): string | undefined {
  const tag = name.path.at(-1)?.tag
  if (!name.isPrivate || tag === undefined || name.path.length > 1 || (tag & 0xffff) < 0x1000) return undefined
  const creator = tagOf(tag >>> 16, (tag & 0xffff) >>> 8)
  return draft.facts.header.has([{ tag: creator }]) ? undefined : `${name.text} has no private creator in this instance`
}

function copy(from: Name, to: AttributeName, draft: Draft): string | undefined {
  if (!draft.isPresent(from)) return from.kind === 'answer' ? `${from.text} has no value` : undefined
  const orphan = orphaned(to, draft)
  if (orphan !== undefined) return orphan
  const sameVr = from.kind === 'attribute' && draft.vr(from) === draft.vr(to)
  const values = sameVr ? draft.values(from) : draft.comparables(from)
  if (isOneValue(draft.vr(to)) && values.length > 1) {
    draft.set(to, [values.join('\\')], 'copy')
    return undefined
  }
  if (!isOneValue(draft.vr(to)) && !sameVr && values.some((value) => value.includes('\\'))) {
    return `the value of ${from.text} contains a backslash`
  }
  draft.set(to, values, 'copy', sameVr)
  return undefined
}

function replace(verb: Verb & { readonly verb: 'replace' }, draft: Draft): string | undefined {
  if (!draft.isPresent(verb.in)) return undefined
  const parts: (string | number)[] = []
  for (const part of verb.with) {
    if (typeof part !== 'object') {
      parts.push(part)
      continue
    }
    const filled = fill(part.template, draft)
    if (filled === undefined) return undefined
    if ('hold' in filled) return filled.hold
    parts.push(filled.text)
  }
  const vr = draft.vr(verb.in)
  const values = draft
    .values(verb.in)
    .map((value) => within(value, vr, (inner) => replaceAll(inner, verb.pattern, parts)))
  if (!isOneValue(vr) && values.some((value) => value.includes('\\')))
    return `the new value of ${verb.in.text} contains a backslash`
  draft.set(verb.in, values, 'replace')
  return undefined
}

function replaceAll(value: string, pattern: Pattern, parts: readonly (string | number)[]): string {
  const matcher = pattern.matcher(value)
  let result = ''
  let end = 0
  while (matcher.find()) {
    result += value.slice(end, matcher.start())
    for (const part of parts) result += typeof part === 'string' ? part : (matcher.group(part) ?? '')
    end = matcher.end()
  }
  return result + value.slice(end)
}

function applyMap(verb: Verb & { readonly verb: 'map' }, draft: Draft): string | undefined {
  const { in: name, map, otherwise, using } = verb
  if (!draft.isPresent(name)) return undefined
  const vr = draft.vr(name)
  const values = draft.values(name)
  const unknown = values.some((value) => comparable(value, vr) !== '' && !map.has(comparable(value, vr)))
  if (unknown && otherwise.kind === 'hold') return `the value of ${name.text} is not in ${using}`
  draft.set(
    name,
    values.map((value) => within(value, vr, (inner) => map.get(inner) ?? fallback(otherwise, inner))),
    'map',
  )
  return undefined
}

const fallback = (otherwise: Otherwise, value: string): string =>
  otherwise.kind === 'text' ? otherwise.text : otherwise.kind === 'empty' ? '' : value

function removeOrEmpty(verb: Verb & { readonly verb: 'remove' | 'empty' }, draft: Draft): undefined {
  for (const name of namesOf(verb.what, draft)) {
    if (verb.verb === 'remove') draft.remove(name, verb.verb)
    else if (draft.has(name) && (draft.isPresent(name) || OPAQUE.has(draft.vr(name)))) draft.set(name, [], verb.verb)
  }
}

// A header gives no values of these, so whether they are empty already cannot be seen.
const OPAQUE: ReadonlySet<string> = new Set(['SQ', 'OB', 'OD', 'OF', 'OL', 'OV', 'OW', 'UN'])

function namesOf(what: AttributeName | Group, draft: Draft): readonly AttributeName[] {
  if (!('group' in what)) return [what]
  const tags = draft.facts.header.tags()
  const meant = tags.filter((tag) => (what.group === 'private' ? isPrivate(tag) : tag >>> 16 === what.group))
  return meant.map((tag) => {
    const entry = lookUpTag(tag)
    return {
      kind: 'attribute',
      text: what.text,
      path: [{ tag }],
      vr: entry?.vr ?? 'UN',
      vm: entry?.vm ?? '1-n',
      isPrivate: isPrivate(tag),
    }
  })
}
