import type { ResolvedEdit } from '../dicom/resolved-edit.ts'
import { keyOf } from './draft.ts'

/** Whether both lists of edits, in the order `resolve` gives, make the same bytes of the same instance. */
export function sameEdits(one: readonly ResolvedEdit[], other: readonly ResolvedEdit[]): boolean {
  return one.length === other.length && one.every((edit, index) => sameEdit(edit, other[index]))
}

function sameEdit(one: ResolvedEdit, other: ResolvedEdit | undefined): boolean {
  if (other === undefined || one.verb !== other.verb || keyOf(one.path) !== keyOf(other.path)) return false
  if (one.verb === 'remove' || other.verb === 'remove') return true
  return one.vr === other.vr && Buffer.compare(one.value, other.value) === 0
}
