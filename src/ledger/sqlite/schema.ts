import { type SQL, sql } from 'drizzle-orm'
import {
  type AnySQLiteColumn,
  blob,
  check,
  index,
  integer,
  primaryKey,
  sqliteTable,
  text,
  unique,
  uniqueIndex,
} from 'drizzle-orm/sqlite-core'
import { AUDIT_SUBJECTS } from '../../audit/events.ts'
import {
  ATTEMPT_OUTCOMES,
  DELIVERY_STATES,
  DOORS,
  INSTANCE_STATES,
  OBLIGATION_KINDS,
  OBLIGATION_STATES,
  STUDY_STATES,
} from '../states.ts'

// Every table has an integer `seq` in the order of writing (small foreign keys, keyset pages) and, where the outside names
// the row, our own text id. Times are milliseconds since 1970 in UTC. Triggers that keep the tallies are in the migrations.

export const seq = () => integer().primaryKey({ autoIncrement: true })

/** `column IN ('A', 'B')`, written from the closed array that also makes the type. */
export function oneOf(column: AnySQLiteColumn, values: readonly string[]): SQL {
  return sql`${column} IN (${sql.raw(values.map((value) => `'${value}'`).join(', '))})`
}

export const study = sqliteTable(
  'study',
  {
    seq: seq(),
    studyInstanceUid: text('study_instance_uid').notNull().unique(),
    accessionNumber: text('accession_number'),
    patientId: text('patient_id'),
    patientName: text('patient_name'),
    /** A comma-separated list, in the order of arrival. */
    modalities: text().notNull(),
    state: text().notNull(),
    firstReceivedAt: integer('first_received_at').notNull(),
    lastReceivedAt: integer('last_received_at').notNull(),
  },
  (t) => [
    check('study_state', oneOf(t.state, STUDY_STATES)),
    index('study_last').on(t.lastReceivedAt),
    index('study_accession').on(t.accessionNumber, t.lastReceivedAt),
    index('study_by_state').on(t.state, t.lastReceivedAt),
    index('study_patient').on(t.patientId),
  ],
)

/**
 * Most indexes of `instance` and `audit_event` are of rows that have been there for a moment: what an admission writes must be
 * flushed before its sender is answered, and each index is a page more. Those rows come into them many at a time.
 */
const DECIDED = sql`undecided = 0`
const LISTED = sql`listed = 1`

export const instance = sqliteTable(
  'instance',
  {
    seq: seq(),
    id: text().notNull().unique(),
    study: integer().references(() => study.seq),
    node: text().notNull(),
    blobStore: text('blob_store').notNull(),
    blobKey: text('blob_key').notNull(),
    blobLength: integer('blob_length').notNull(),
    sha256: text().notNull(),
    receivedAt: integer('received_at').notNull(),
    door: text().notNull(),
    callingAe: text('calling_ae'),
    calledAe: text('called_ae'),
    peer: text(),
    association: text(),
    sopClassUid: text('sop_class_uid').notNull(),
    sopInstanceUid: text('sop_instance_uid').notNull(),
    transferSyntaxUid: text('transfer_syntax_uid').notNull(),
    studyInstanceUid: text('study_instance_uid'),
    seriesInstanceUid: text('series_instance_uid'),
    accessionNumber: text('accession_number'),
    patientId: text('patient_id'),
    patientName: text('patient_name'),
    modality: text(),
    /** Why the header cannot be read, or how it contradicts the command. */
    unreadable: text(),
    /** Follows from the obligations; stored so that lists can be searched by it. */
    state: text().notNull(),
    /** 1 while a decision is wanted. */
    undecided: integer().notNull(),
    /** Raised by everything that changes what is decided of it; compared by `plan`. */
    version: integer().notNull(),
    /** Which decision this is: deliveries of a new one take the next round. */
    round: integer().notNull(),
    /** The instance whose deliveries stand for this one's, when it is a duplicate. */
    duplicateOf: integer('duplicate_of'),
    /** 1 while the original is in the spool. */
    spooled: integer().notNull(),
  },
  (t) => [
    check('instance_door', oneOf(t.door, DOORS)),
    check('instance_state', oneOf(t.state, INSTANCE_STATES)),
    index('instance_undecided').on(t.undecided).where(sql`undecided = 1`),
    index('instance_waiting').on(t.receivedAt).where(sql`undecided = 1`),
    index('instance_duplicate').on(t.duplicateOf).where(sql`duplicate_of IS NOT NULL`),
    index('instance_blob').on(t.blobKey).where(DECIDED),
    index('instance_uid').on(t.sopInstanceUid),
    index('instance_received').on(t.receivedAt).where(DECIDED),
    index('instance_series').on(t.seriesInstanceUid, t.receivedAt).where(DECIDED),
    index('instance_study').on(t.study, t.receivedAt),
    index('instance_by_state').on(t.state, t.receivedAt).where(DECIDED),
    index('instance_calling').on(t.callingAe, t.receivedAt).where(DECIDED),
    index('instance_class').on(t.sopClassUid, t.receivedAt).where(DECIDED),
  ],
)

/** Headers apart from the rows that change, which SQLite writes whole. */
export const instanceHeader = sqliteTable('instance_header', {
  instance: integer()
    .primaryKey()
    .references(() => instance.seq),
  header: blob({ mode: 'buffer' }).notNull(),
})

export const delivery = sqliteTable(
  'delivery',
  {
    seq: seq(),
    id: text().notNull().unique(),
    instance: integer()
      .notNull()
      .references(() => instance.seq),
    study: integer(),
    destination: text().notNull(),
    round: integer().notNull(),
    node: text().notNull(),
    state: text().notNull(),
    reason: text(),
    urgent: integer().notNull(),
    outgoingUid: text('outgoing_uid').notNull(),
    /** SHA-256 of what determines the outgoing bytes: the blob's digest, the edits, the version of the edit code. */
    contentKey: blob('content_key', { mode: 'buffer' }).notNull(),
    attempts: integer().notNull(),
    nextAttemptAt: integer('next_attempt_at'),
    claimToken: text('claim_token'),
    claimedBy: text('claimed_by'),
    leaseUntil: integer('lease_until'),
    sentSha256: text('sent_sha256'),
    /** 1 when an earlier attempt may have been taken without our hearing of it. */
    ambiguous: integer().notNull(),
    sentTo: text('sent_to'),
    plannedAt: integer('planned_at').notNull(),
    settledAt: integer('settled_at'),
    /** Of which study moment; null for the instance moment. */
    errand: integer(),
  },
  (t) => [
    check('delivery_state', oneOf(t.state, DELIVERY_STATES)),
    check('delivery_claim', sql`(state = 'SENDING') = (claim_token IS NOT NULL)`),
    check('delivery_due_known', sql`state <> 'READY' OR next_attempt_at IS NOT NULL`),
    // Wall W8.
    unique('delivery_once').on(t.instance, t.destination, t.round),
    index('delivery_due').on(t.destination, t.urgent, t.nextAttemptAt).where(sql`state = 'READY'`),
    index('delivery_retrying').on(t.destination, t.nextAttemptAt).where(sql`state = 'READY' AND attempts > 0`),
    uniqueIndex('delivery_claimed').on(t.claimToken).where(sql`claim_token IS NOT NULL`),
    index('delivery_lease').on(t.destination, t.leaseUntil).where(sql`state = 'SENDING'`),
    index('delivery_outgoing').on(t.destination, t.outgoingUid),
    index('delivery_by_state').on(t.destination, t.state, t.plannedAt),
    index('delivery_planned').on(t.plannedAt),
    index('delivery_study').on(t.study, t.plannedAt),
    index('delivery_errand').on(t.errand, t.state).where(sql`errand IS NOT NULL`),
  ],
)

/** What a delivery carries; written once, read by its claim. `changes` holds patient data. */
export const deliveryContent = sqliteTable('delivery_content', {
  delivery: integer()
    .primaryKey()
    .references(() => delivery.seq),
  rules: text().notNull(),
  edits: text().notNull(),
  editVersion: integer('edit_version').notNull(),
  changes: text().notNull(),
})

export const deliveryRule = sqliteTable(
  'delivery_rule',
  {
    rule: text().notNull(),
    delivery: integer()
      .notNull()
      .references(() => delivery.seq),
  },
  (t) => [primaryKey({ columns: [t.rule, t.delivery] }), index('delivery_rule_delivery').on(t.delivery)],
)

export const attempt = sqliteTable(
  'attempt',
  {
    seq: seq(),
    id: text().notNull().unique(),
    delivery: integer()
      .notNull()
      .references(() => delivery.seq),
    number: integer().notNull(),
    startedAt: integer('started_at').notNull(),
    took: integer(),
    outcome: text().notNull(),
    status: text(),
    reason: text(),
  },
  (t) => [
    check('attempt_outcome', oneOf(t.outcome, ATTEMPT_OUTCOMES)),
    unique('attempt_number').on(t.delivery, t.number),
  ],
)

export const obligation = sqliteTable(
  'obligation',
  {
    seq: seq(),
    id: text().notNull().unique(),
    instance: integer()
      .notNull()
      .references(() => instance.seq),
    kind: text().notNull(),
    state: text().notNull(),
    /** A RuleRef as JSON. */
    rule: text(),
    reason: text(),
    until: integer(),
    delivery: integer()
      .unique()
      .references(() => delivery.seq),
    rulesetDigest: text('ruleset_digest'),
    madeAt: integer('made_at').notNull(),
    /** The key of the question whose answer it waits or is held for. */
    question: text(),
    /** Of which study moment; null for the instance moment. */
    studyRound: integer('study_round'),
    /** The obligation that stands for this one towards a person: a study held for one reason is one thing to look at. */
    follows: integer(),
  },
  (t) => [
    check('obligation_kind', oneOf(t.kind, OBLIGATION_KINDS)),
    check('obligation_state', oneOf(t.state, OBLIGATION_STATES)),
    check('obligation_delivery', sql`(kind = 'DELIVER') = (delivery IS NOT NULL)`),
    index('obligation_instance').on(t.instance),
    index('obligation_held').on(t.madeAt).where(sql`state = 'HELD' AND follows IS NULL`),
    index('obligation_open').on(t.rulesetDigest).where(sql`delivery IS NULL AND state IN ('HELD', 'WAITING')`),
    index('obligation_until').on(t.until).where(sql`state = 'WAITING' AND until IS NOT NULL`),
    index('obligation_question').on(t.question, t.state).where(sql`question IS NOT NULL`),
    index('obligation_follows').on(t.follows).where(sql`follows IS NOT NULL`),
    index('obligation_round').on(t.studyRound).where(sql`study_round IS NOT NULL AND follows IS NULL`),
  ],
)

export const destination = sqliteTable('destination', {
  name: text().primaryKey(),
  pausedBy: text('paused_by'),
  pausedReason: text('paused_reason'),
  pausedUntil: integer('paused_until'),
  downSince: integer('down_since'),
  downFailures: integer('down_failures'),
  downProbeAt: integer('down_probe_at'),
  downReason: text('down_reason'),
  notes: text(),
})

/** How many deliveries stand in each state: kept by triggers, so that nobody counts a million rows. */
export const deliveryTally = sqliteTable(
  'delivery_tally',
  { destination: text().notNull(), state: text().notNull(), n: integer().notNull() },
  (t) => [primaryKey({ columns: [t.destination, t.state] })],
)

/** How many obligations stand in each state, and `UNDECIDED` instances (wall W6): kept by triggers. */
export const obligationTally = sqliteTable('obligation_tally', {
  state: text().primaryKey(),
  n: integer().notNull(),
})

export const auditEvent = sqliteTable(
  'audit_event',
  {
    seq: seq(),
    node: text().notNull(),
    sequence: integer().notNull(),
    /** Sealed and exported together, one day. */
    segment: integer().notNull(),
    at: integer().notNull(),
    event: text().notNull(),
    actor: text().notNull(),
    outcome: text().notNull(),
    subjectKind: text('subject_kind'),
    subjectId: text('subject_id'),
    detail: text(),
    hash: blob({ mode: 'buffer' }).notNull(),
    /** 1 once the event is in the indexes by which it is looked for; no part of what is chained. */
    listed: integer().notNull().default(0),
  },
  (t) => [
    check('audit_subject', oneOf(t.subjectKind, AUDIT_SUBJECTS)),
    unique('audit_chain').on(t.node, t.sequence),
    index('audit_unlisted').on(t.at).where(sql`listed = 0`),
    index('audit_at').on(t.at).where(LISTED),
    index('audit_by_event').on(t.event, t.at).where(LISTED),
    index('audit_by_actor').on(t.actor, t.at).where(LISTED),
    index('audit_subject_at').on(t.subjectId, t.at).where(LISTED),
  ],
)

/** Every ruleset that was in force, once each; the one with the highest `seq` came into force last. */
export const ruleset = sqliteTable('ruleset', {
  seq: seq(),
  digest: text().notNull().unique(),
  loadedAt: integer('loaded_at').notNull(),
  loadedBy: text('loaded_by').notNull(),
  /** Names and texts as JSON. */
  files: text().notNull(),
  /** A RulesetSummary as JSON. */
  summary: text(),
  /** A RulesetPin as JSON: a person chose it over the folder. */
  pin: text(),
})

export const token = sqliteTable('token', {
  seq: seq(),
  name: text().notNull().unique(),
  /** SHA-256 of the token, lower-case hexadecimal; the token itself is nowhere. */
  sha256: text().notNull().unique(),
  roles: text().notNull(),
  createdAt: integer('created_at').notNull(),
  revokedAt: integer('revoked_at'),
})

export const refusedCaller = sqliteTable(
  'refused_caller',
  {
    callingAe: text('calling_ae').notNull(),
    calledAe: text('called_ae').notNull(),
    peer: text().notNull(),
    reason: text().notNull(),
    count: integer().notNull(),
    lastAt: integer('last_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.callingAe, t.calledAe, t.peer] }), index('refused_last').on(t.lastAt)],
)

/** Marks of the ledger itself: the highest time it has told, how far the spool's bytes are verified. */
export const mark = sqliteTable('mark', {
  name: text().primaryKey(),
  value: integer().notNull(),
})
