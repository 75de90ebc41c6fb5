import { UTF_8 } from '../dicom/character-set.ts'
import type { AttributeChange, ResolvedEdit } from '../dicom/resolved-edit.ts'
import { boundedChanges, changeOf } from './change.ts'
import { convertHeader } from './convert.ts'
import { type Draft, type Drafted, keyOf, type Refused } from './draft.ts'
import { type Encoded, encodeValues, inOrder } from './encode.ts'
import { nameOfPath } from './path-text.ts'
import { recordOriginal } from './record-original.ts'
import { unseen } from './unseen.ts'
import { unfit } from './vr-limit.ts'

export interface Resolved {
  /** In the order of the data set. */
  readonly edits: readonly ResolvedEdit[]
  readonly changes: readonly AttributeChange[]
}

/**
 * What a working copy means for the bytes: encoded in the received transfer syntax and, where it can hold the text, the
 * received character set; otherwise all text of the header goes to ISO_IR 192 (PS3.3 C.12.1.1.2). Or the reason why it
 * cannot be written, without any value in it.
 */
export function resolve(draft: Draft): Resolved | Refused {
  const changed = draft.drafted().filter((drafted) => isChange(drafted, draft))
  const fault = draft.refusal ?? firstOf(changed, faultOf) ?? unseen(draft) ?? gapIn(changed, draft)
  if (fault !== undefined) return { hold: fault }
  const received = encodeAll(changed, draft, false)
  const encoded = received === 'other-set' ? convertHeader(changed, draft, encodeAll(changed, draft, true)) : received
  if ('hold' in encoded) return encoded
  const record = recordOriginal(changed, draft, received === 'other-set')
  if ('hold' in record) return record
  const edits = record.edits.length === 0 ? encoded.edits : inOrder([...encoded.edits, ...record.edits])
  const changes = boundedChanges([
    ...changed.map((drafted) => changeOf(drafted, draft)),
    ...encoded.changes,
    ...record.changes,
  ])
  return { edits, changes }
}

/** Bytes that nothing changes leave as they came, so a value that stays the same is no edit. */
function isChange({ name: { path }, values }: Drafted, draft: Draft): boolean {
  const { header } = draft.facts
  const isWithinNew = draft.isGone(path.slice(0, -1))
  if (values === null) return !isWithinNew && header.has(path)
  const before = isWithinNew || !header.has(path) ? undefined : header.values(path)
  if (before === undefined) return true
  return before.length !== values.length || before.some((value, index) => value !== values[index])
}

function firstOf<T, R>(items: readonly T[], find: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = find(item)
    if (found !== undefined) return found
  }
  return undefined
}

function faultOf(drafted: Drafted): string | undefined {
  if (drafted.asReceived) return undefined
  const fault = firstOf(drafted.values ?? [], (value) => unfit(value, drafted.vr))
  return fault === undefined ? undefined : `${drafted.name.text} ${fault}`
}

/** An item is made right behind the last one; one that a later verb left without anything would not be. */
function gapIn(changed: readonly Drafted[], draft: Draft): string | undefined {
  return firstOf(draft.made(), ({ sequence, items }) => {
    const received = draft.isGone(sequence) ? 0 : (draft.facts.header.items(sequence) ?? 0)
    for (let item = received; item < items - 1; item++) {
      const path = sequence.map((step, index) => (index < sequence.length - 1 ? step : { tag: step.tag, item }))
      const inside = `${keyOf(path)}.`
      const isWritten = changed.some(({ name, values }) => values !== null && keyOf(name.path).startsWith(inside))
      if (!isWritten) return `${nameOfPath(path)} would be an item without anything`
    }
    return undefined
  })
}

/** Every change as an edit; `other-set` where the character set of its place cannot hold one. */
function encodeAll(changed: readonly Drafted[], draft: Draft, asUtf8: boolean): Encoded | Refused | 'other-set' {
  const edits: ResolvedEdit[] = []
  for (const { name, vr, values } of changed) {
    if (values === null) {
      edits.push({ verb: 'remove', path: name.path })
      continue
    }
    const { characterSet, bigEndian } = draft.writing(name.path)
    const value = encodeValues(values, vr, asUtf8 ? UTF_8 : characterSet, bigEndian)
    if (value === undefined) return 'other-set'
    if (value === 'too-long') return { hold: `the values of ${name.text} are too long for one element` }
    edits.push({ verb: 'set', path: name.path, vr, value })
  }
  return { edits, changes: [] }
}
