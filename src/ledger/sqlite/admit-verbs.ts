import type { InstanceId } from '../ids.ts'
import type { Admission, Admitted } from '../ledger.ts'
import { amending, noteAmended } from './amend-verbs.ts'
import { instanceStates } from './instance-state.ts'
import type { WriterVerbs } from './protocol.ts'
import type { WriteContext } from './write-context.ts'

export const STUDY_FIND = `SELECT seq, modalities, last_received_at AS last,
  (accession_number IS NULL) + (patient_id IS NULL) + (patient_name IS NULL) AS missing FROM study WHERE study_instance_uid = ?`
export const STUDY_INSERT = `INSERT INTO study
  (study_instance_uid, accession_number, patient_id, patient_name, modalities, state, first_received_at, last_received_at)
  VALUES (?, ?, ?, ?, ?, 'OPEN', ?, ?) RETURNING seq`
/** The first value that came stands; what was missing is filled in. */
export const STUDY_TOUCH = `UPDATE study SET last_received_at = max(last_received_at, ?), modalities = ?,
  accession_number = coalesce(accession_number, ?), patient_id = coalesce(patient_id, ?),
  patient_name = coalesce(patient_name, ?) WHERE seq = ?`
export const INSTANCE_INSERT = `INSERT INTO instance
  (id, study, node, blob_store, blob_key, blob_length, sha256, received_at, door, calling_ae, called_ae, peer, association,
   sop_class_uid, sop_instance_uid, transfer_syntax_uid, study_instance_uid, series_instance_uid, accession_number,
   patient_id, patient_name, modality, unreadable, state, undecided, version, round, spooled)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 0, 1)`
export const HEADER_INSERT = `INSERT INTO instance_header (instance, header) VALUES (?, ?)`
/** Few rows at most: a modality that repeats itself for ever is not read to its first word. */
export const INSTANCE_EARLIER = `SELECT id, sha256, calling_ae FROM instance
  WHERE sop_instance_uid = ? ORDER BY seq DESC LIMIT 8`
export const INSTANCE_BY_ID = `SELECT seq, blob_key FROM instance WHERE id = ?`
/** One with a correction is as it would be, had it been corrected at once. */
export const INSTANCE_AMENDED = `UPDATE instance SET version = version + 1 WHERE seq = ?`
export const HOLD_INSERT = `INSERT INTO obligation (id, instance, kind, state, reason, made_at)
  VALUES (?, ?, 'HOLD', 'HELD', ?, ?)`
export const VERIFIED_SET = `INSERT INTO mark (name, value) SELECT 'verified', seq FROM instance WHERE id = ?
  ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)`
export const DUPLICATES_OF = `SELECT seq, id FROM instance WHERE duplicate_of = ?`
export const DUPLICATE_UNDECIDED = `UPDATE instance SET undecided = 1, version = version + 1, duplicate_of = NULL
  WHERE seq = ?`
export const DUPLICATE_STANDS_ALONE = `UPDATE obligation SET state = 'CANCELLED', reason = 'withdrawn'
  WHERE instance = ? AND kind = 'DISCARD' AND reason = 'duplicate'`
export const WITHDRAW = [
  `DELETE FROM obligation WHERE instance = ?`,
  `DELETE FROM amendment WHERE instance = ?`,
  `DELETE FROM round_member WHERE instance = ?`,
  `DELETE FROM attempt WHERE delivery IN (SELECT seq FROM delivery WHERE instance = ?)`,
  `DELETE FROM delivery_rule WHERE delivery IN (SELECT seq FROM delivery WHERE instance = ?)`,
  `DELETE FROM delivery_content WHERE delivery IN (SELECT seq FROM delivery WHERE instance = ?)`,
  `DELETE FROM delivery WHERE instance = ?`,
  `DELETE FROM instance_header WHERE instance = ?`,
  `DELETE FROM instance WHERE seq = ?`,
] as const

/** Taking in, and undoing it while nobody has been told. */
export function admitVerbs(context: WriteContext): Pick<WriterVerbs, 'admit' | 'withdraw' | 'markVerified'> {
  const { db } = context
  const insert = db.prepare(INSTANCE_INSERT)
  const insertHeader = db.prepare(HEADER_INSERT)
  const insertHold = db.prepare(HOLD_INSERT)
  const amended = db.prepare<[number]>(INSTANCE_AMENDED)
  const amend = amending(context)
  const byId = db.prepare<[string], { seq: number; blob_key: string }>(INSTANCE_BY_ID)
  const verified = db.prepare<[string]>(VERIFIED_SET)
  const withdrawals = WITHDRAW.map((sql) => db.prepare<[number]>(sql))
  const studyOf = studies(context)
  const earlierOf = earlierInstances(context)
  const standAlone = duplicatesStandAlone(context)

  function admitOne(admission: Admission): Admitted {
    const { id, reception, by, header, unreadable, amendments = [] } = admission
    const known = byId.get(id)
    // Recovery may bring one that was admitted after all.
    if (known !== undefined) return { id, earlier: null }
    const earlier = earlierOf(admission)
    const readable = unreadable === null && header !== null
    const row = insert.run(...instanceColumns(admission, studyOf(admission), context.node, readable))
    const seq = Number(row.lastInsertRowid)
    if (header !== null) insertHeader.run(seq, header)
    if (!readable) insertHold.run(context.newId(), seq, 'unreadable', context.at())
    context.audit.append(context.at(), {
      event: 'DICOM Instances Transferred',
      actor: by ?? reception.callingAe ?? reception.door,
      outcome: readable ? receivedBeside(earlier) : 'received, held unreadable',
      subject: ['Instance', id],
      detail:
        unreadable ?? (earlier?.bytes === 'changed' ? `instance ${earlier.id} has the same SOP Instance UID` : null),
    })
    for (const amendment of amendments) {
      amend(seq, amendment, amendment.by)
      amended.run(seq)
      noteAmended(context, id, amendment, amendment.by)
    }
    if (readable) context.wake('plan')
    return { id, earlier }
  }

  return {
    admit: (admissions) => admissions.map(admitOne),
    withdraw(id, reason) {
      const row = byId.get(id)
      if (row === undefined) return
      standAlone(row.seq)
      for (const statement of withdrawals) statement.run(row.seq)
      const note = { event: 'Admission Withdrawn', actor: 'spool', outcome: reason } as const
      context.audit.append(context.at(), { ...note, subject: ['Instance', id] })
    },
    markVerified(upTo) {
      verified.run(upTo)
    },
  }
}

/** Other bytes under a UID that is here are kept, and the trail says so (ARCHITECTURE.md 4). */
const receivedBeside = (earlier: Admitted['earlier']): string =>
  earlier?.bytes === 'changed' ? 'received, other bytes under its UID' : 'received'

/** What was discarded because the withdrawn one would be sent is owed a decision of its own: it was acknowledged. */
function duplicatesStandAlone(context: WriteContext): (withdrawn: number) => void {
  const { db } = context
  const find = db.prepare<[number], { seq: number; id: string }>(DUPLICATES_OF)
  const undecided = db.prepare<[number]>(DUPLICATE_UNDECIDED)
  const cancel = db.prepare<[number]>(DUPLICATE_STANDS_ALONE)
  const refreshState = instanceStates(db)
  return (withdrawn) => {
    for (const { seq, id } of find.all(withdrawn)) {
      cancel.run(seq)
      undecided.run(seq)
      refreshState(seq)
      const note = { event: 'Decision Asked Anew', actor: 'spool', outcome: 'success' } as const
      context.audit.append(context.at(), { ...note, subject: ['Instance', id], detail: 'duplicate of one withdrawn' })
      context.wake('plan')
    }
  }
}

function instanceColumns(admission: Admission, study: number | null, node: string, readable: boolean) {
  const { id, blob, reception, identity, unreadable } = admission
  return [
    id,
    study,
    blob.node === '' ? node : blob.node,
    blob.store,
    blob.key,
    blob.length,
    blob.sha256,
    reception.at,
    reception.door,
    reception.callingAe,
    reception.calledAe,
    reception.peer,
    reception.associationId,
    identity.sopClassUid,
    identity.sopInstanceUid,
    identity.transferSyntaxUid,
    identity.studyInstanceUid,
    identity.seriesInstanceUid,
    identity.accessionNumber,
    identity.patientId,
    identity.patientName,
    identity.modality,
    readable ? null : (unreadable ?? 'no header'),
    readable ? 'PENDING' : 'HELD',
    readable ? 1 : 0,
  ]
}

/** When a study's last instance came is told to the second: four pages less are written for each of its others. */
const STUDY_GRAIN_MS = 1_000

interface StudyFound {
  readonly seq: number
  readonly modalities: string
  readonly last: number
  /** How many of its identifying attributes no instance has told yet. */
  readonly missing: number
}

/** Finds or makes the study of an instance, and keeps its row in step with what arrives. */
function studies({ db }: WriteContext): (admission: Admission) => number | null {
  const find = db.prepare<[string], StudyFound>(STUDY_FIND)
  const insert = db.prepare<unknown[], number>(STUDY_INSERT).pluck()
  const touch = db.prepare(STUDY_TOUCH)
  return ({ identity, reception }) => {
    const { studyInstanceUid, accessionNumber, patientId, patientName, modality } = identity
    if (studyInstanceUid === null || studyInstanceUid === '') return null
    const row = find.get(studyInstanceUid)
    if (row === undefined) {
      const { at } = reception
      const named = [studyInstanceUid, accessionNumber, patientId, patientName, modality ?? '']
      return insert.get(...named, at, at) ?? null
    }
    const modalities = withModality(row.modalities, modality)
    const isNews = modalities !== row.modalities || row.missing > 0
    if (!isNews && reception.at - row.last < STUDY_GRAIN_MS) return row.seq
    touch.run(reception.at, modalities, accessionNumber, patientId, patientName, row.seq)
    return row.seq
  }
}

/** A study has a handful of modalities; a sender that invents more must not grow the row. */
const MOST_MODALITIES = 16

function withModality(list: string, modality: string | null): string {
  if (modality === null || modality === '') return list
  const known = list === '' ? [] : list.split(',')
  return known.includes(modality) || known.length >= MOST_MODALITIES ? list : [...known, modality].join(',')
}

function earlierInstances({ db }: WriteContext): (admission: Admission) => Admitted['earlier'] {
  const find = db.prepare<[string], { id: InstanceId; sha256: string; calling_ae: string | null }>(INSTANCE_EARLIER)
  return ({ identity, blob, reception }) => {
    if (identity.sopInstanceUid === '') return null
    const rows = find.all(identity.sopInstanceUid)
    const same = rows.find((row) => row.sha256 === blob.sha256 && row.calling_ae === reception.callingAe)
    if (same !== undefined) return { id: same.id, bytes: 'same' }
    const changed = rows.find((row) => row.sha256 !== blob.sha256)
    return changed === undefined ? null : { id: changed.id, bytes: 'changed' }
  }
}
