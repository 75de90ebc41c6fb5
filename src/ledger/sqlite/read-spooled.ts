import { KurirError } from '../../base/failure.ts'
import type { SpooledInstance, SpooledInstanceSelection, SpooledStudySelection } from '../spooled.ts'
import type { Connection } from './connection.ts'
import type { ReaderVerbs } from './protocol.ts'
import {
  blobOf,
  INSTANCE_COLUMNS,
  type InstanceColumns,
  identityOf,
  STUDY_COLUMNS,
  type StudyColumns,
  toStudy,
} from './read-instances.ts'

const LARGEST_PAGE = 100
const LARGEST_STUDY_PAGE = 50
const MOST_SERIES = 1_000

// Readable, in the spool, and the latest of its UID in its study.
const IN_SPOOL = `i.spooled = 1 AND i.unreadable IS NULL`
const LATEST = `NOT EXISTS (SELECT 1 FROM instance j WHERE j.sop_instance_uid = i.sop_instance_uid AND j.seq > i.seq
  AND j.study IS i.study AND j.spooled = 1 AND j.unreadable IS NULL)`
const WITH_HEADER = `SELECT ${INSTANCE_COLUMNS}, h.header FROM instance i JOIN instance_header h ON h.instance = i.seq`
const STUDY_OF = `(SELECT seq FROM study WHERE study_instance_uid = ?)`

const BY = {
  study: `i.study = ${STUDY_OF}`,
  studySeries: `i.study = ${STUDY_OF} AND i.series_instance_uid = ?`,
  // The index has what is decided, so that admitting does not wait for it: what came this moment is found a moment later.
  series: `i.undecided = 0 AND i.series_instance_uid = ?`,
  // The UID's own index: an instance is one of few rows, a study's are many.
  sop: `i.sop_instance_uid = ?`,
} as const
const page = (where: string): string =>
  `${WITH_HEADER} WHERE ${where} AND ${IN_SPOOL} AND ${LATEST} AND (i.received_at, i.seq) > (?, ?)
  ORDER BY i.received_at, i.seq LIMIT ?`

export const SPOOLED_OF_STUDY = page(BY.study)
export const SPOOLED_OF_STUDY_SERIES = page(BY.studySeries)
export const SPOOLED_OF_SERIES = page(BY.series)
export const SPOOLED_OF_SOP = page(BY.sop)
export const SPOOLED_SAMPLE = `${WITH_HEADER} WHERE i.study = ? AND ${IN_SPOOL} ORDER BY i.received_at DESC, i.seq DESC LIMIT 1`
export const SPOOLED_SERIES = `${WITH_HEADER} WHERE i.seq IN (SELECT max(i.seq) FROM instance i
  WHERE i.study = ${STUDY_OF} AND ${IN_SPOOL} GROUP BY i.series_instance_uid LIMIT ${MOST_SERIES}) ORDER BY i.seq`
export const SPOOLED_COUNTS = `SELECT count(DISTINCT i.series_instance_uid) AS series,
  count(DISTINCT i.sop_instance_uid) AS instances FROM instance i WHERE i.study = ${STUDY_OF} AND ${IN_SPOOL}`
export const SPOOLED_COUNTS_OF_SERIES = `SELECT count(DISTINCT i.series_instance_uid) AS series,
  count(DISTINCT i.sop_instance_uid) AS instances FROM instance i
  WHERE i.study = ${STUDY_OF} AND i.series_instance_uid = ? AND ${IN_SPOOL}`

const studyPage = (where: string): string => `SELECT ${STUDY_COLUMNS} FROM study s
  WHERE ${where}(s.last_received_at, s.seq) < (?, ?) ORDER BY s.last_received_at DESC, s.seq DESC LIMIT ?`
export const SPOOLED_STUDIES = studyPage('')
export const SPOOLED_STUDIES_BY_UID = studyPage('s.study_instance_uid = ? AND ')
export const SPOOLED_STUDIES_BY_ACCESSION = studyPage('s.accession_number = ? AND ')
export const SPOOLED_STUDIES_BY_PATIENT = studyPage('s.patient_id = ? AND ')

type Row = InstanceColumns & { readonly header: Uint8Array }

/** What the spool holds of studies, series and instances. */
export function readSpooled(
  db: Connection,
): Pick<ReaderVerbs, 'spooledStudies' | 'spooledInstances' | 'spooledSeries' | 'spooledCounts'> {
  const sample = db.prepare<[number], Row>(SPOOLED_SAMPLE)
  const series = db.prepare<[string], Row>(SPOOLED_SERIES)
  const counts = db.prepare<[string], { series: number; instances: number }>(SPOOLED_COUNTS)
  const ofSeries = db.prepare<[string, string], { series: number; instances: number }>(SPOOLED_COUNTS_OF_SERIES)

  return {
    spooledStudies(selection, limit, after = { at: Number.MAX_SAFE_INTEGER, seq: 0 }) {
      const { sql, params } = studiesBy(selection)
      const most = Math.min(limit, LARGEST_STUDY_PAGE)
      const rows = db.prepare<unknown[], StudyColumns>(sql).all(...params, after.at, after.seq, most)
      return rows.map((row) => {
        const found = sample.get(row.seq)
        const place = { at: row.at, seq: row.seq }
        const { studyInstanceUid, modalities } = toStudy(row)
        return { studyInstanceUid, modalities, sample: found === undefined ? undefined : toSpooled(found), place }
      })
    },
    spooledInstances(selection, limit, after = { at: -1, seq: -1 }) {
      const { sql, params } = instancesBy(selection)
      const rows = db.prepare<unknown[], Row>(sql).all(...params, after.at, after.seq, Math.min(limit, LARGEST_PAGE))
      const wanted = rows.filter(({ studyInstanceUid: study }) => (selection.studyInstanceUid ?? study) === study)
      return wanted.map(toSpooled)
    },
    spooledSeries: (study) => series.all(study).map(toSpooled),
    spooledCounts({ studyInstanceUid = '', seriesInstanceUid }) {
      const row =
        seriesInstanceUid === undefined
          ? counts.get(studyInstanceUid)
          : ofSeries.get(studyInstanceUid, seriesInstanceUid)
      return row ?? { series: 0, instances: 0 }
    },
  }
}

const toSpooled = (row: Row): SpooledInstance => ({
  id: row.id,
  identity: identityOf(row),
  blob: blobOf(row),
  header: row.header,
  place: { at: row.at, seq: row.seq },
})

interface Chosen {
  readonly sql: string
  readonly params: readonly string[]
}

function studiesBy({ studyInstanceUid, accessionNumber, patientId }: SpooledStudySelection): Chosen {
  if (studyInstanceUid !== undefined) return { sql: SPOOLED_STUDIES_BY_UID, params: [studyInstanceUid] }
  if (accessionNumber !== undefined) return { sql: SPOOLED_STUDIES_BY_ACCESSION, params: [accessionNumber] }
  if (patientId !== undefined) return { sql: SPOOLED_STUDIES_BY_PATIENT, params: [patientId] }
  return { sql: SPOOLED_STUDIES, params: [] }
}

function instancesBy({ studyInstanceUid, seriesInstanceUid, sopInstanceUid }: SpooledInstanceSelection): Chosen {
  if (sopInstanceUid !== undefined) return { sql: SPOOLED_OF_SOP, params: [sopInstanceUid] }
  if (studyInstanceUid !== undefined && seriesInstanceUid !== undefined) {
    return { sql: SPOOLED_OF_STUDY_SERIES, params: [studyInstanceUid, seriesInstanceUid] }
  }
  if (studyInstanceUid !== undefined) return { sql: SPOOLED_OF_STUDY, params: [studyInstanceUid] }
  if (seriesInstanceUid !== undefined) return { sql: SPOOLED_OF_SERIES, params: [seriesInstanceUid] }
  throw new KurirError('invalid-argument', 'permanent', 'instances of the spool are selected by a UID')
}
