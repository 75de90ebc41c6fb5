import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import { type AttributePath, tagOf } from '../dicom/attribute-path.ts'
import { isPrivate, lookUpTag } from '../dicom/dictionary.ts'
import { type Draft, keyOf } from './draft.ts'
import type { AttributeName } from './name.ts'
import { nameOfPath } from './path-text.ts'
import { familiesOf, familyAt } from './uid-family.ts'

/** UIDs under this root are the Standard's own: the same for everybody, and never mapped (PS3.6 annex A). */
const STANDARD_ROOT = '1.2.840.10008.'

export const isOfStandard = (uid: string): boolean => uid.startsWith(STANDARD_ROOT)

const SOP_INSTANCE: AttributePath = [{ tag: tagOf(0x0008, 0x0018) }]
const CONCEPT_NAME = tagOf(0x0040, 0xa043)
const CODE_VALUE = tagOf(0x0008, 0x0100)

/**
 * The UID that stands for another under a key: `2.25.` and the UUID that the HMAC-SHA-256 makes (PS3.5 B.2; RFC 9562
 * version 8). No two are the same but by a chance of one in 2^122.
 */
export function mappedUid(uid: string, key: Uint8Array | KeyObject): string {
  // The word in front keeps it apart from what the verb hash makes of the same text.
  const uuid = createHmac('sha256', key).update(`uid\0${uid}`).digest().subarray(0, 16)
  uuid[6] = ((uuid[6] ?? 0) & 0x0f) | 0x80
  uuid[8] = ((uuid[8] ?? 0) & 0x3f) | 0x80
  return `2.25.${BigInt(`0x${uuid.toString('hex')}`)}`
}

/** A UID where it stands now. */
interface Stand {
  readonly path: AttributePath
  readonly values: readonly string[]
  readonly isMember: boolean
}

/**
 * Maps the UIDs of some attributes, and of every attribute of their families at any depth; besides, every other UID that
 * has the value of one of these. Gives the reason when it cannot.
 */
export function mapUids(of: readonly AttributeName[], keyName: string, draft: Draft): string | undefined {
  const secret = draft.keys.get(keyName)
  if (secret === undefined) return `the key ${keyName} could not be read`
  const key = createSecretKey(secret)
  const families = familiesOf(of.flatMap((name) => name.path.slice(-1).map(({ tag }) => tag)))
  const stands = standsOf(draft, families)
  const mapped = new Map<string, string>()
  for (const { path, values, isMember } of stands) {
    for (const value of isMember ? values : []) {
      if (isOfStandard(value)) {
        if (path.length === 1 && IDENTITY.has(nameOfPath(path)))
          return `${nameOfPath(path)} is a UID of the Standard itself, which means something else`
      } else if (value !== '' && !mapped.has(value)) mapped.set(value, mappedUid(value, key))
    }
  }
  draft.lookInto('uid')
  // A data set that does not say it still leaves under one.
  if (families.has('SOPInstanceUID') && !draft.isPresent(uidAt(SOP_INSTANCE)))
    draft.announce(mappedUid(draft.sopInstanceUid, key))
  for (const { path, values } of stands) {
    if (!values.some((value) => mapped.has(value))) continue
    const mappedValues = values.map((value) => mapped.get(value) ?? value)
    draft.set(uidAt(path), mappedValues, 'uid')
  }
  return undefined
}

const IDENTITY: ReadonlySet<string> = new Set(['StudyInstanceUID', 'SeriesInstanceUID', 'SOPInstanceUID'])

function uidAt(path: AttributePath): AttributeName {
  const tag = path.at(-1)?.tag ?? tagOf(0, 0)
  const vm = lookUpTag(tag)?.vm ?? '1-n'
  return { kind: 'attribute', text: nameOfPath(path), path, vr: 'UI', vm, isPrivate: isPrivate(tag) }
}

/** Every UID of the working copy, at any depth. */
function standsOf(draft: Draft, families: ReadonlySet<string>): readonly Stand[] {
  const stands = new Map<string, Stand>()
  const concepts = new Concepts()
  for (const element of draft.facts.header.walk()) {
    const { path, vr } = element
    concepts.meet(path, () => element.values()?.[0])
    // Private UIDs of implicit data sets are UN to us: one that is the same UID is mapped with it.
    if ((vr !== 'UI' && vr !== 'UN') || draft.isGone(path) || draft.at(path) !== undefined) continue
    const isMember = families.has(familyAt(path, concepts.around(path)))
    stands.set(keyOf(path), { path, values: element.values() ?? [], isMember })
  }
  for (const { name, vr, values } of draft.drafted()) {
    if (vr !== 'UI' || values === null) continue
    const concept = { ...name, path: [...name.path.slice(0, -1), { tag: CONCEPT_NAME, item: 0 }, { tag: CODE_VALUE }] }
    const isMember = families.has(familyAt(name.path, draft.values(concept)[0]))
    stands.set(keyOf(name.path), { path: name.path, values, isMember })
  }
  return [...stands.values()]
}

/** The concept names of the content items that a walk is inside of: they stand before the UID of their item. */
class Concepts {
  readonly #levels: { readonly item: AttributePath; readonly code: string | undefined }[] = []

  meet(path: AttributePath, code: () => string | undefined): void {
    const level = path.length - 2
    if (level < 0 || path[level]?.tag !== CONCEPT_NAME || path.at(-1)?.tag !== CODE_VALUE) return
    this.#levels[level] = { item: path.slice(0, level), code: code() }
  }

  around(path: AttributePath): string | undefined {
    const found = this.#levels[path.length - 1]
    const isSame = found?.item.every(({ tag, item }, i) => path[i]?.tag === tag && path[i]?.item === item)
    return isSame === true ? found?.code : undefined
  }
}
