import type { AttributeChange } from '../dicom/resolved-edit.ts'
import type { AdmittedAmendment } from '../ledger/amendments.ts'
import type { InstanceIdentity } from '../ledger/records.ts'

/** What the request that brings an object says of it in place of what stands in it. Holds patient data. */
export interface Corrections {
  /** (0010,0020) */
  readonly patientId?: string
  /** (0008,0050) */
  readonly accessionNumber?: string
  /** The token's name. */
  readonly by: string
  readonly reason: string
}

const CORRECTED = [
  { name: 'PatientID', tag: '(0010,0020)', key: 'patientId' },
  { name: 'AccessionNumber', tag: '(0008,0050)', key: 'accessionNumber' },
] as const

/** As they go on record; nothing for what stands like that already. */
export function amendmentsOf(
  corrections: Corrections | undefined,
  identity: Pick<InstanceIdentity, 'patientId' | 'accessionNumber'>,
): readonly AdmittedAmendment[] {
  if (corrections === undefined) return []
  const { by, reason } = corrections
  const changes = CORRECTED.flatMap(({ name, tag, key }): readonly AttributeChange[] => {
    const [before, after] = [identity[key], corrections[key]]
    if (after === undefined || after === before) return []
    return [{ tag, keyword: name, verb: 'set', before, after }]
  })
  if (changes.length === 0) return []
  const attributes = changes.map(({ keyword, after }) => ({ name: keyword ?? '', value: after }))
  return [{ attributes, changes, reason, by }]
}
