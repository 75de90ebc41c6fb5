import { type AttributePath, type Tag, tagOf } from '../dicom/attribute-path.ts'
import { lookUpKeyword, lookUpTag } from '../dicom/dictionary.ts'

/** One key of a search: an attribute and what its value must be like. */
export interface QidoKey {
  readonly path: AttributePath
  readonly vr: string
  /** Never empty: a key without a value asks for the attribute, not for a value (PS3.4 C.2.2.2.3). */
  readonly value: string
}

/** A search as its address says it (PS3.18 8.3.4, 10.6.1). */
export interface QidoQuery {
  readonly keys: readonly QidoKey[]
  /** Asked for beside what every answer has; `all`: everything that is known. */
  readonly include: 'all' | readonly Tag[]
  readonly limit: number
  readonly offset: number
  readonly fuzzy: boolean
}

const DEFAULT_LIMIT = 100
const MOST = 200
const FURTHEST = 10_000
const MOST_KEYS = 40
const LONGEST_VALUE = 4_096

/** The sentence for a query that cannot be understood: it holds names of parameters, never a value. */
export interface QidoProblem {
  readonly problem: string
}

/** @param fixed keys that the path says, by keyword */
export function readQidoQuery(
  parameters: URLSearchParams,
  fixed: Readonly<Record<string, string>>,
): QidoQuery | QidoProblem {
  const keys: QidoKey[] = []
  const include: Tag[] = []
  let all = false
  let limit = DEFAULT_LIMIT
  let offset = 0
  let fuzzy = false
  for (const [name, value] of [...parameters, ...Object.entries(fixed)]) {
    if (keys.length + include.length > MOST_KEYS || value.length > LONGEST_VALUE)
      return { problem: 'That is too much to search for.' }
    if (name === 'accept') continue
    if (name === 'fuzzymatching') fuzzy = value === 'true'
    else if (name === 'limit' || name === 'offset') {
      const number = /^\d+$/.test(value) ? Number(value) : undefined
      if (number === undefined) return { problem: `${name} is a whole number.` }
      if (name === 'limit') limit = Math.min(number, MOST)
      else offset = number
    } else if (name === 'includefield') {
      for (const field of value.split(',')) {
        if (field === 'all') all = true
        else {
          const path = pathOf(field)
          if (path?.[0] === undefined) return { problem: 'includefield names an attribute that PS3.6 does not have.' }
          include.push(path[0].tag)
        }
      }
    } else {
      const path = pathOf(name)
      const last = path?.at(-1)
      if (path === undefined || last === undefined) return { problem: 'A parameter is no attribute that PS3.6 has.' }
      const vr = lookUpTag(last.tag)?.vr ?? 'UN'
      if (isUniversal(value)) include.push(last.tag)
      else keys.push({ path, vr, value })
    }
  }
  if (offset > FURTHEST) return { problem: `offset is at most ${FURTHEST}; say more of what you look for.` }
  return { keys, include: all ? 'all' : include, limit, offset, fuzzy }
}

const isUniversal = (value: string): boolean => value === '' || /^\*+$/.test(value)

/** `PatientName`, `00100010`, `RequestAttributesSequence.ScheduledProcedureStepID` (PS3.18 8.3.4.1). */
function pathOf(text: string): AttributePath | undefined {
  const tags = text.split('.').map(tagNamed)
  if (tags.length > 8) return undefined
  const known = tags.filter((tag) => tag !== undefined)
  return known.length === tags.length ? known.map((tag) => ({ tag })) : undefined
}

function tagNamed(text: string): Tag | undefined {
  if (/^[0-9A-Fa-f]{8}$/.test(text))
    return tagOf(Number.parseInt(text.slice(0, 4), 16), Number.parseInt(text.slice(4), 16))
  return lookUpKeyword(text)?.tag
}

/** The value of a key that names one thing, for which there may be an index; undefined for any other. */
export function exactValue({ keys }: QidoQuery, tag: Tag): string | undefined {
  const key = keys.find(({ path }) => path.length === 1 && path[0]?.tag === tag)
  return key === undefined || /[*?\\,]/.test(key.value) ? undefined : key.value.trim()
}
