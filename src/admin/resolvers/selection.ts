import type { ErrandSelection } from '../../ledger/errands.ts'
import type { DeliverySelection } from '../../ledger/records.ts'
import type { AuditSelection, InstanceSelection, StudySelection } from '../../ledger/views.ts'
import { badInput } from '../bad-input.ts'
import type { AuditFilter, DeliveryFilter, ErrandFilter, InstanceFilter, StudyFilter } from '../generated.ts'
import { readGlobalId } from '../global-id.ts'

type Given<T> = { readonly [Key in keyof T]: NonNullable<T[Key]> }

/** Without what the caller left out or gave as null: to the ledger both mean "any". */
function given<T extends object>(values: T): Partial<Given<T>>
function given(values: object): object {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null && value !== undefined))
}

type Maybe<T> = T | null | undefined

// What a filter of GraphQL means to the ledger. All that is given must hold.
export const studySelection = (filter: Maybe<StudyFilter>): StudySelection => given({ ...filter })

export const instanceSelection = (filter: Maybe<InstanceFilter>): InstanceSelection => given({ ...filter })

export function deliverySelection(filter: Maybe<DeliveryFilter>): DeliverySelection {
  const { state, ...rest } = filter ?? {}
  return given({ ...rest, states: state })
}

export function errandSelection(filter: Maybe<ErrandFilter>): ErrandSelection {
  const { state, ...rest } = filter ?? {}
  return given({ ...rest, states: state })
}

/** Throws BAD_USER_INPUT for a subject that is no id of ours. */
export function auditSelection(filter: Maybe<AuditFilter>): AuditSelection {
  const { subjectId, ...rest } = filter ?? {}
  if (typeof subjectId !== 'string') return given({ ...rest })
  const subject = readGlobalId(subjectId)
  if (subject === undefined) throw badInput('subjectId is not an id of ours.')
  return given({ ...rest, subjectId: subject.key })
}
