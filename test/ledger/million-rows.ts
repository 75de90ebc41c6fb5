import type { Connection } from '../../src/ledger/sqlite/connection.ts'

/** A million deliveries of 250,000 instances to four destinations, most delivered long ago, a hundred thousand waiting. */
export const MILLION = 1_000_000
const INSTANCES = MILLION / 4

const INSTANCE_ROWS = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${INSTANCES})
  INSERT INTO instance (seq, id, study, node, blob_store, blob_key, blob_length, sha256, received_at, door, calling_ae,
    sop_class_uid, sop_instance_uid, transfer_syntax_uid, state, undecided, version, round, spooled)
  SELECT i, printf('i%08d', i), 1 + i / 500, 'n1', 'disk', printf('b/%08d', i), 1, hex(randomblob(32)), i * 1000, 'DIMSE',
    'CT' || (i % 20), '1.2.' || (i % 9), '2.25.' || i, '1.2.1', CASE WHEN i % 100 = 0 THEN 'HELD' ELSE 'SETTLED' END,
    i > ${INSTANCES - 500}, 1, 0, 1 FROM n`
const STUDY_ROWS = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <= ${INSTANCES / 500})
  INSERT INTO study (seq, study_instance_uid, accession_number, modalities, state, first_received_at, last_received_at)
  SELECT i, '2.25.7.' || i, 'A' || i, 'CT', 'OPEN', i * 500000, i * 500000 + 400000 FROM n`
const HEADER_ROWS = `INSERT INTO instance_header (instance, header) SELECT seq, x'01' FROM instance WHERE undecided = 1`
const DELIVERY_ROWS = `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${MILLION - 1})
  INSERT INTO delivery (seq, id, instance, study, destination, round, node, state, urgent, outgoing_uid, content_key,
    attempts, next_attempt_at, ambiguous, planned_at)
  SELECT i + 1, printf('d%08d', i), 1 + i / 4, 1 + (1 + i / 4) / 500, 'dest' || (i % 4), 0, 'n1',
    CASE WHEN i >= ${MILLION - 100_000} THEN 'READY' WHEN i % 1000 = 7 THEN 'FAILED' ELSE 'DELIVERED' END, i % 50 = 0,
    '2.25.' || (1 + i / 4), zeroblob(32), i % 3, CASE WHEN i >= ${MILLION - 100_000} THEN i * 250 END, 0, i * 250 FROM n`
const CONTENT_ROWS = `INSERT INTO delivery_content (delivery, rules, edits, edit_version, changes)
  SELECT seq, '[]', '[]', 1, '[]' FROM delivery`
const RULE_ROWS = `INSERT INTO delivery_rule (rule, delivery) SELECT 'rule' || (seq % 5), seq FROM delivery WHERE seq % 4 = 0`
const OBLIGATION_ROWS = `INSERT INTO obligation (id, instance, kind, state, delivery, made_at)
  SELECT 'o' || seq, instance, 'DELIVER', CASE state WHEN 'READY' THEN 'PENDING' ELSE state END, seq, planned_at FROM delivery`
const AUDIT_ROWS = `INSERT INTO audit_event (node, sequence, segment, at, event, actor, outcome, subject_kind, subject_id, hash, listed)
  SELECT 'n0', seq, 0, seq * 1000, 'Decision Made', 'planner', 'planned', 'Instance', id, x'00', seq < ${INSTANCES - 500} FROM instance`
const ATTEMPT_ROWS = `INSERT INTO attempt (id, delivery, number, started_at, outcome)
  SELECT 'a' || seq, seq, 1, planned_at, 'DELIVERED' FROM delivery WHERE seq % 4 = 0`
const TALLIES = [
  `INSERT INTO delivery_tally (destination, state, n) SELECT destination, state, count(*) FROM delivery GROUP BY 1, 2`,
  `INSERT INTO obligation_tally (state, n) SELECT state, count(*) FROM obligation GROUP BY 1`,
]

/** Fills an empty database in seconds: without triggers and indexes, which are put back as they were. */
export function fillMillion(db: Connection): void {
  const made = db
    .prepare<[], { type: string; name: string; sql: string }>(
      `SELECT type, name, sql FROM sqlite_schema WHERE type IN ('index', 'trigger') AND sql IS NOT NULL`,
    )
    .all()
  db.pragma('synchronous = OFF')
  db.pragma('foreign_keys = OFF')
  db.transaction(() => {
    for (const { type, name } of made) db.exec(`DROP ${type} "${name}"`)
    for (const sql of [STUDY_ROWS, INSTANCE_ROWS, HEADER_ROWS, DELIVERY_ROWS, CONTENT_ROWS, RULE_ROWS]) db.exec(sql)
    for (const sql of [OBLIGATION_ROWS, AUDIT_ROWS, ATTEMPT_ROWS, ...TALLIES]) db.exec(sql)
    for (const { sql } of made) db.exec(sql)
  })()
  db.pragma('foreign_keys = ON')
}
