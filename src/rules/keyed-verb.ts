import { LONGEST_HASH, SHORTEST_HASH } from './hash-verb.ts'
import type { AttributeName } from './name.ts'
import { nameOfPath } from './path-text.ts'
import type { Place } from './place.ts'
import { parseAttributeOnly, readTarget } from './rewrite-target.ts'
import { namesKind } from './uid-family.ts'
import type { Verb } from './verb.ts'
import { longestOf } from './vr-limit.ts'

// Hexadecimal digits fit these; the others have forms of their own.
const HASHABLE: ReadonlySet<string> = new Set(['AE', 'LO', 'LT', 'PN', 'SH', 'ST', 'UC', 'UN', 'UT'])

/** The verb at `hash`. */
export function compileHash(place: Place, keys: ReadonlySet<string>): Verb | undefined {
  const key = readKey(place.at('key'), keys)
  const length = readLength(place.at('length'))
  if (length === undefined) return undefined
  const of = place
    .at('of')
    .items()
    .map((item) => readHashed(item, length, place.has('length')))
  const all = of.filter((name) => name !== undefined)
  return key === undefined || all.length < of.length ? undefined : { verb: 'hash', of: all, key, length }
}

function readLength(place: Place): number | undefined {
  const text = place.text()
  if (text === undefined) return LONGEST_HASH
  const length = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (length >= SHORTEST_HASH && length <= LONGEST_HASH) return length
  return place.report(
    `${text || 'Nothing'} cannot stand here; length is a number from ${SHORTEST_HASH} to ${LONGEST_HASH}.`,
  )
}

function readHashed(place: Place, length: number, isSaid: boolean): AttributeName | undefined {
  const name = readTarget(place, place.text() ?? '', false)
  if (name === undefined) return undefined
  if (name.vr === 'UI') return place.report(`${name.text} is UI; the verb uid gives it a new UID.`)
  if (!HASHABLE.has(name.vr)) return place.report(`${name.text} is ${name.vr}, which cannot hold a hash.`)
  const longest = longestOf(name.vr)
  if (longest === undefined || length <= longest) return name
  const hint = isSaid ? '' : `; say length: ${longest}`
  return place.report(`The hash for ${name.text} is ${length} characters; ${name.vr} holds ${longest}${hint}.`)
}

/** The verb at `uid`. */
export function compileUid(place: Place, keys: ReadonlySet<string>): Verb | undefined {
  const key = readKey(place.at('key'), keys)
  const of = place
    .at('of')
    .items()
    .map((item) => readUid(item))
  const all = of.filter((name) => name !== undefined)
  return key === undefined || all.length < of.length ? undefined : { verb: 'uid', of: all, key }
}

function readUid(place: Place): AttributeName | undefined {
  const name = parseAttributeOnly(place.text() ?? '')
  if ('problem' in name) return place.report(name.problem)
  const [step] = name.path
  if (name.path.length > 1)
    return place.report(`uid maps ${nameOfPath(name.path.slice(-1))} wherever it stands; name it without a path.`)
  if (name.vr !== 'UI' && !name.isPrivate) return place.report(`${name.text} is ${name.vr}; uid maps UIDs only.`)
  if (step === undefined || step.tag >>> 16 <= 0x0002)
    return place.report(`${name.text} is not part of the data set and cannot be rewritten.`)
  if (namesKind(step.tag)) return place.report(`${name.text} says what something is, which is the same for everybody.`)
  return name
}

function readKey(place: Place, keys: ReadonlySet<string>): string | undefined {
  const text = place.text() ?? ''
  if (keys.has(text)) return text
  const known = [...keys].sort()
  return place.report(
    `No key ${text}.${known.length === 0 ? ' None is declared.' : ` There are: ${known.join(', ')}.`}`,
  )
}
