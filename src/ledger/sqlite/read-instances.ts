import type { Instant } from '../../base/clock.ts'
import type { BlobRef } from '../blob-ref.ts'
import type { InstanceId } from '../ids.ts'
import type { InstanceIdentity, Reception, StudyRow } from '../records.ts'
import type { Door, InstanceState, StudyState } from '../states.ts'
import type { InstanceRow, InstanceSelection, StudySelection } from '../views.ts'
import type { Connection } from './connection.ts'
import { type Placed, pager, type Source } from './paging.ts'
import type { ReaderVerbs } from './protocol.ts'

export const INSTANCE_COLUMNS = `i.seq, i.received_at AS at, i.id, i.node, i.blob_store AS blobStore, i.blob_key AS blobKey,
  i.blob_length AS blobLength, i.sha256, i.door, i.calling_ae AS callingAe, i.called_ae AS calledAe, i.peer,
  i.association AS associationId, i.sop_class_uid AS sopClassUid, i.sop_instance_uid AS sopInstanceUid,
  i.transfer_syntax_uid AS transferSyntaxUid, i.study_instance_uid AS studyInstanceUid,
  i.series_instance_uid AS seriesInstanceUid, i.accession_number AS accessionNumber, i.patient_id AS patientId,
  i.patient_name AS patientName, i.modality, i.unreadable, i.state, i.spooled`
const INSTANCE_SELECT = `SELECT ${INSTANCE_COLUMNS},
  (SELECT t.id FROM instance t WHERE t.seq = i.duplicate_of) AS duplicateOf FROM instance i`
export const INSTANCE_VIEW = `${INSTANCE_SELECT} WHERE i.id = ?`
export const HELD_REASON = `SELECT reason FROM obligation WHERE instance = ? AND state = 'HELD' ORDER BY seq LIMIT 1`
export const HEADER_OF = `SELECT h.header FROM instance_header h WHERE h.instance = (SELECT seq FROM instance WHERE id = ?)`
export const STUDY_COLUMNS = `s.seq, s.last_received_at AS at, s.study_instance_uid AS studyInstanceUid,
  s.accession_number AS accessionNumber, s.patient_id AS patientId, s.patient_name AS patientName, s.modalities, s.state,
  s.first_received_at AS firstReceivedAt`
const STUDY_SELECT = `SELECT ${STUDY_COLUMNS} FROM study s`
export const STUDY_VIEW = `${STUDY_SELECT} WHERE s.study_instance_uid = ?`

/** The columns of an instance, as every query names them. */
export interface InstanceColumns extends Placed, InstanceIdentity {
  readonly id: InstanceId
  readonly node: string
  readonly blobStore: string
  readonly blobKey: string
  readonly blobLength: number
  readonly sha256: string
  readonly door: Door
  readonly callingAe: string | null
  readonly calledAe: string | null
  readonly peer: string | null
  readonly associationId: string | null
  readonly unreadable: string | null
  readonly state: InstanceState
  readonly spooled: number
}
interface InstanceShown extends InstanceColumns {
  readonly duplicateOf: InstanceId | null
}
export interface StudyColumns extends Placed {
  readonly studyInstanceUid: string
  readonly accessionNumber: string | null
  readonly patientId: string | null
  readonly patientName: string | null
  readonly modalities: string
  readonly state: StudyState
  readonly firstReceivedAt: Instant
}

export const blobOf = ({ blobStore, node, blobKey, blobLength, sha256 }: InstanceColumns): BlobRef => {
  return { store: blobStore, node, key: blobKey, length: blobLength, sha256 }
}
export const receptionOf = (row: InstanceColumns): Reception => {
  const { at, door, callingAe, calledAe, peer, associationId } = row
  return { at: at as Instant, door, callingAe, calledAe, peer, associationId }
}
export const identityOf = (row: InstanceColumns): InstanceIdentity => {
  const { sopClassUid, sopInstanceUid, transferSyntaxUid, studyInstanceUid, seriesInstanceUid } = row
  const { accessionNumber, patientId, patientName, modality } = row
  const uids = { sopClassUid, sopInstanceUid, transferSyntaxUid, studyInstanceUid, seriesInstanceUid }
  return { ...uids, accessionNumber, patientId, patientName, modality }
}

/** Studies and instances, newest first: studies by what they last received, instances by their reception. */
export function readInstances(
  db: Connection,
): Pick<ReaderVerbs, 'study' | 'studies' | 'instance' | 'instances' | 'header'> {
  const { page } = pager(db)
  const studyView = db.prepare<[string], StudyColumns>(STUDY_VIEW)
  const view = db.prepare<[string], InstanceShown>(INSTANCE_VIEW)
  const heldReason = db.prepare<[number], string | null>(HELD_REASON).pluck()
  const header = db.prepare<[string], Uint8Array>(HEADER_OF).pluck()

  function toInstance(row: InstanceShown): InstanceRow {
    const { id, state, unreadable, duplicateOf } = row
    const reason = state === 'HELD' ? (heldReason.get(row.seq) ?? null) : null
    const whole = reason === 'unreadable' && unreadable !== null ? `unreadable: ${unreadable}` : reason
    const parts = { identity: identityOf(row), blob: blobOf(row), reception: receptionOf(row) }
    return { id, ...parts, state, heldReason: whole, unreadable, duplicateOf, spooled: row.spooled === 1 }
  }

  return {
    study(uid) {
      const row = studyView.get(uid)
      return row === undefined ? undefined : toStudy(row)
    },
    studies: (selection, request) => page('s', [studySource(selection)], request, toStudy),
    instance(id) {
      const row = view.get(id)
      return row === undefined ? undefined : toInstance(row)
    },
    instances: (selection, request) => page('i', instanceSources(selection), request, toInstance),
    header: (id) => header.get(id),
  }
}

/** A row as the port has it. */
export function toStudy(row: StudyColumns): StudyRow {
  const { studyInstanceUid, accessionNumber, patientId, patientName, state, firstReceivedAt } = row
  const modalities = row.modalities === '' ? [] : row.modalities.split(',')
  const who = { studyInstanceUid, accessionNumber, patientId, patientName }
  return { ...who, modalities, state, firstReceivedAt, lastReceivedAt: row.at as Instant }
}

/** Turns what is asked for into a WHERE; what is not asked for is left out. */
export function conditions(wanted: readonly (readonly [condition: string, value: string | number | undefined])[]) {
  const given = wanted.flatMap(([condition, value]) => (value === undefined ? [] : [[condition, value] as const]))
  return { where: given.map(([condition]) => condition), params: given.map(([, value]) => value) }
}

/** Where the studies of a selection are found, and in what order. */
export function studySource(selection: StudySelection): Source {
  const { accessionNumber, studyInstanceUid, state, receivedAfter, receivedBefore } = selection
  const filter = conditions([
    ['s.study_instance_uid = ?', studyInstanceUid],
    ['s.accession_number = ?', accessionNumber],
    ['s.state = ?', state],
    ['s.last_received_at >= ?', receivedAfter],
    ['s.last_received_at < ?', receivedBefore],
  ])
  return { select: STUDY_SELECT, ...filter, at: 's.last_received_at', seq: 's.seq' }
}

/** The decided ones, by their indexes, and the few that wait for a decision. */
export function instanceSources(selection: InstanceSelection): readonly Source[] {
  const { studyInstanceUid, state, sopClassUid, callingAe, receivedAfter } = selection
  const { where, params } = conditions([
    ['i.study = (SELECT seq FROM study WHERE study_instance_uid = ?)', studyInstanceUid],
    ['i.state = ?', state],
    ['i.sop_class_uid = ?', sopClassUid],
    ['i.calling_ae = ?', callingAe],
    ['i.received_at >= ?', receivedAfter],
  ])
  const order = { params, at: 'i.received_at', seq: 'i.seq' }
  const waiting = `${INSTANCE_SELECT} INDEXED BY instance_waiting`
  return [
    { select: INSTANCE_SELECT, where: ['i.undecided = 0', ...where], ...order },
    { select: waiting, where: ['i.undecided = 1', ...where], ...order },
  ]
}
