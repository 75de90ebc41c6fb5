import { type Tag, tagOf } from '../dicom/attribute-path.ts'
import { isPrivate, lookUpTag } from '../dicom/dictionary.ts'
import { isOneValue } from '../dicom/vr.ts'
import type { Draft } from './draft.ts'
import { hashValues } from './hash-verb.ts'
import { type AttributeName, comparable, type Name } from './name.ts'
import type { Pattern } from './pattern.ts'
import { replaceAll } from './replacing.ts'
import { alongside, fill, type Template } from './template.ts'
import { mapUids } from './uid-verb.ts'

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
  | {
      readonly verb: 'hash'
      readonly of: readonly AttributeName[]
      /** The name of the key. */
      readonly key: string
      /** Characters of the hash that are kept. */
      readonly length: number
    }
  | { readonly verb: 'uid'; readonly of: readonly AttributeName[]; readonly key: string }
  /** No verb that anyone writes: `record_original` of a rule, in its place among the verbs that children inherit. */
  | { readonly verb: 'record_original'; readonly isOn: boolean }
  | { readonly verb: 'remove' | 'empty'; readonly what: AttributeName | Group }

interface TemplateVerb {
  readonly verb: 'set' | 'set_if_missing' | 'prefix' | 'suffix' | 'append'
  readonly name: AttributeName
  readonly template: Template
}

/** `private`: all private groups; a number: all elements of that group; at every depth. */
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
      return atEach(verb.in, draft, (place) => replaceAt(verb, place, draft))
    case 'map':
      return atEach(verb.in, draft, (place) => mapAt(verb, place, draft))
    case 'hash':
      return hashValues(verb.of, verb.key, verb.length, draft)
    case 'uid':
      return mapUids(verb.of, verb.key, draft)
    case 'record_original':
      draft.recordsOriginal = verb.isOn
      return undefined
    case 'remove':
    case 'empty':
      return removeOrEmpty(verb, draft)
    default:
      return verb satisfies never
  }
}

function applyTemplate(verb: TemplateVerb, draft: Draft): string | undefined {
  const makes = verb.verb === 'set' || verb.verb === 'set_if_missing' || verb.verb === 'append'
  const places = draft.places(verb.name, makes)
  // Where there is nothing to write, no place for it need be made.
  if ('hold' in places) return fill(verb.template, draft, verb.name) === undefined ? undefined : places.hold
  for (const place of places) {
    const hold = applyTemplateAt(verb, place, draft)
    if (hold !== undefined) return hold
  }
  return undefined
}

function applyTemplateAt({ verb, template }: TemplateVerb, name: AttributeName, draft: Draft): string | undefined {
  if (verb === 'set_if_missing' && draft.isPresent(name)) return undefined
  // There is nothing to put a prefix before.
  if ((verb === 'prefix' || verb === 'suffix') && !draft.isPresent(name)) return undefined
  const filled = fill(template, draft, name)
  if (filled === undefined) return undefined
  if ('hold' in filled) return filled.hold
  const orphan = orphaned(name, draft)
  if (orphan !== undefined) return orphan
  draft.set(name, valuesWith(verb, filled.text, name, draft), verb)
  return undefined
}

function valuesWith(verb: TemplateVerb['verb'], text: string, name: AttributeName, draft: Draft): readonly string[] {
  const vr = draft.vr(name)
  switch (verb) {
    case 'set':
    case 'set_if_missing':
      return isOneValue(vr) ? [text] : text.split('\\')
    case 'prefix':
      return draft.values(name).map((value) => within(value, vr, (inner) => text + inner))
    case 'suffix':
      return draft.values(name).map((value) => within(value, vr, (inner) => inner + text))
    case 'append':
      return draft.isPresent(name) ? [...draft.values(name), text] : [text]
    default:
      return verb satisfies never
  }
}

/** Changes a value, of a PN its alphabetic group; one that is empty stays so. */
function within(value: string, vr: string, change: (inner: string) => string): string {
  const inner = comparable(value, vr)
  if (inner === '') return value
  const rest = vr === 'PN' && value.includes('=') ? value.slice(value.indexOf('=')) : ''
  return change(inner) + rest
}

/** A private element means nothing without the creator that reserves its block (PS3.5 7.8.1), in the same item. */
function orphaned(name: AttributeName, draft: Draft): string | undefined {
  const tag = name.path.at(-1)?.tag
  if (!name.isPrivate || tag === undefined || (tag & 0xffff) < 0x1000) return undefined
  const creator = tagOf(tag >>> 16, (tag & 0xffff) >>> 8)
  const path = [...name.path.slice(0, -1), { tag: creator }]
  return draft.has({ path }) ? undefined : `${name.text} has no private creator in this instance`
}

function copy(from: Name, to: AttributeName, draft: Draft): string | undefined {
  const places = draft.places(to, true)
  if ('hold' in places) return from.kind !== 'answer' && !draft.isPresent(from) ? undefined : places.hold
  for (const place of places) {
    const hold = copyTo(place, from.kind === 'attribute' ? alongside(from, place) : from, draft)
    if (hold !== undefined) return hold
  }
  return undefined
}

function copyTo(to: AttributeName, from: Name, draft: Draft): string | undefined {
  if (!draft.isPresent(from)) return from.kind === 'answer' ? `${from.text} has no value` : undefined
  const orphan = orphaned(to, draft)
  if (orphan !== undefined) return orphan
  const sameVr = from.kind === 'attribute' && draft.vr(from) === draft.vr(to)
  const values = sameVr ? draft.values(from) : draft.comparables(from)
  // Of a name in ideographs alone there is nothing that another VR could take.
  if (values.every((value) => value === '')) return undefined
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

/** What is done at each place of a name that has a value. */
function atEach(
  name: AttributeName,
  draft: Draft,
  change: (place: AttributeName) => string | undefined,
): string | undefined {
  const places = draft.places(name, false)
  if ('hold' in places) return places.hold
  for (const place of places) {
    const hold = draft.isPresent(place) ? change(place) : undefined
    if (hold !== undefined) return hold
  }
  return undefined
}

function replaceAt(verb: Verb & { readonly verb: 'replace' }, place: AttributeName, draft: Draft): string | undefined {
  const parts: (string | number)[] = []
  for (const part of verb.with) {
    if (typeof part !== 'object') {
      parts.push(part)
      continue
    }
    const filled = fill(part.template, draft, place)
    if (filled === undefined) return undefined
    if ('hold' in filled) return filled.hold
    parts.push(filled.text)
  }
  const vr = draft.vr(place)
  const old = draft.values(place)
  let tooLong = false
  const replaced = (inner: string): string => {
    const outcome = replaceAll(inner, verb.pattern, parts)
    tooLong ||= outcome === undefined
    return outcome ?? ''
  }
  const values = old.map((value) => within(value, vr, replaced))
  if (tooLong) return `${place.text} is too long for the pattern of replace`
  // One that was in the value already is a character of a long text.
  if (!isOneValue(vr) && values.some((value) => value.includes('\\')))
    return `the new value of ${place.text} contains a backslash`
  draft.set(place, values, 'replace')
  return undefined
}

function mapAt(verb: Verb & { readonly verb: 'map' }, place: AttributeName, draft: Draft): string | undefined {
  const { map, otherwise, using } = verb
  const vr = draft.vr(place)
  const values = draft.values(place)
  const unknown = values.some((value) => comparable(value, vr) !== '' && !map.has(comparable(value, vr)))
  if (unknown && otherwise.kind === 'hold') return `the value of ${place.text} is not in ${using}`
  draft.set(
    place,
    values.map((value) => within(value, vr, (inner) => map.get(inner) ?? fallback(otherwise, inner))),
    'map',
  )
  return undefined
}

const fallback = (otherwise: Otherwise, value: string): string =>
  otherwise.kind === 'text' ? otherwise.text : otherwise.kind === 'empty' ? '' : value

function removeOrEmpty(verb: Verb & { readonly verb: 'remove' | 'empty' }, draft: Draft): string | undefined {
  const names = 'group' in verb.what ? membersOf(verb.what, draft) : draft.places(verb.what, false)
  if ('hold' in names) return names.hold
  for (const name of names) {
    if (draft.isGone(name.path)) continue
    if (verb.verb === 'remove') draft.remove(name, verb.verb)
    else if (draft.has(name) && draft.isPresent(name)) draft.set(name, [], verb.verb)
  }
  return undefined
}

/** The elements of private groups at every depth: what a sequence hides is no less private. */
function membersOf({ group, text }: Group, draft: Draft): readonly AttributeName[] {
  draft.lookInto('private')
  const isMeant = (tag: Tag): boolean => (group === 'private' ? isPrivate(tag) : tag >>> 16 === group)
  const received = [...draft.facts.header.walk()].map(({ path }) => path)
  const written = draft.drafted().flatMap(({ name, values }) => (values === null ? [] : [name.path]))
  return [...received, ...written].flatMap((path) => {
    const tag = path.at(-1)?.tag
    if (tag === undefined || !isMeant(tag)) return []
    const entry = lookUpTag(tag)
    return [{ kind: 'attribute', text, path, vr: entry?.vr ?? 'UN', vm: entry?.vm ?? '1-n', isPrivate: isPrivate(tag) }]
  })
}
