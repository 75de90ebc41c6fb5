import { sql } from 'drizzle-orm'
import { check, index, integer, primaryKey, sqliteTable, text, unique, uniqueIndex } from 'drizzle-orm/sqlite-core'
import { SETTLED_BY } from '../../rules/study-decision.ts'
import { ATTEMPT_OUTCOMES, OBLIGATION_STATES, ROUND_STATES } from '../states.ts'
import { instance, oneOf, seq, study } from './schema.ts'

// Corrections, study moments, errands and questions; the same conventions as `schema.ts`.

/** Recorded corrections. Holds patient data. */
export const amendment = sqliteTable(
  'amendment',
  {
    seq: seq(),
    instance: integer()
      .notNull()
      .references(() => instance.seq),
    at: integer().notNull(),
    madeBy: text('made_by').notNull(),
    why: text().notNull(),
    /** What is said in place of what was received, as JSON. */
    attributes: text().notNull(),
    /** The same as a person reads it, with what stood there before. */
    changes: text().notNull(),
  },
  (t) => [index('amendment_instance').on(t.instance)],
)

/** Studies whose moment is still to come. */
export const studyTimer = sqliteTable(
  'study_timer',
  {
    study: integer()
      .primaryKey()
      .references(() => study.seq),
    /** When the first instance since the last round was decided. */
    openedAt: integer('opened_at').notNull(),
    dueAt: integer('due_at').notNull(),
    /** When it is due whatever still comes. */
    longestAt: integer('longest_at').notNull(),
    /** What made it due, where it was not the quiet. */
    settledBy: text('settled_by'),
  },
  (t) => [check('study_timer_settled_by', oneOf(t.settledBy, SETTLED_BY)), index('study_timer_due').on(t.dueAt)],
)

export const studyRound = sqliteTable(
  'study_round',
  {
    seq: seq(),
    id: text().notNull().unique(),
    study: integer()
      .notNull()
      .references(() => study.seq),
    number: integer().notNull(),
    settledBy: text('settled_by').notNull(),
    state: text().notNull(),
    /** Raised by everything that changes what is decided of it; compared by `planRound`. */
    version: integer().notNull(),
    /** Which decided it, or the parts of it that are written. */
    rulesetDigest: text('ruleset_digest'),
    openedAt: integer('opened_at').notNull(),
    plannedAt: integer('planned_at'),
  },
  (t) => [
    check('study_round_settled_by', oneOf(t.settledBy, SETTLED_BY)),
    check('study_round_state', oneOf(t.state, ROUND_STATES)),
    unique('study_round_number').on(t.study, t.number),
    index('study_round_open').on(t.state).where(sql`state = 'OPEN'`),
  ],
)

/** The instances of a round, frozen when it was opened. */
export const roundMember = sqliteTable(
  'round_member',
  {
    round: integer()
      .notNull()
      .references(() => studyRound.seq),
    instance: integer()
      .notNull()
      .references(() => instance.seq),
    /** 1 when it has come since the round before. */
    isNew: integer('is_new').notNull(),
  },
  (t) => [primaryKey({ columns: [t.round, t.instance] }), index('round_member_instance').on(t.instance)],
)

export const errand = sqliteTable(
  'errand',
  {
    seq: seq(),
    id: text().notNull().unique(),
    study: integer()
      .notNull()
      .references(() => study.seq),
    round: integer()
      .notNull()
      .references(() => studyRound.seq),
    /** One of the two. */
    destination: text(),
    service: text(),
    call: text(),
    /** What the rule tells beside the instances, as JSON. Holds patient data. */
    given: text().notNull(),
    rule: text().notNull(),
    ruleName: text('rule_name').notNull(),
    rulesetDigest: text('ruleset_digest'),
    /** The destinations whose deliveries it waits for, as JSON; null for one with children. */
    after: text(),
    state: text().notNull(),
    reason: text(),
    /** The service's last answer. */
    status: text(),
    attempts: integer().notNull(),
    /** Also the end of the claim's lease. */
    nextAttemptAt: integer('next_attempt_at'),
    claimToken: text('claim_token'),
    madeAt: integer('made_at').notNull(),
    settledAt: integer('settled_at'),
  },
  (t) => [
    check('errand_state', oneOf(t.state, OBLIGATION_STATES)),
    check('errand_to', sql`(destination IS NULL) <> (service IS NULL)`),
    // Wall W8.
    uniqueIndex('errand_destination_once').on(t.round, t.destination).where(sql`destination IS NOT NULL`),
    uniqueIndex('errand_service_once').on(t.round, t.service, t.call, t.ruleName).where(sql`service IS NOT NULL`),
    index('errand_study').on(t.study, t.madeAt),
    index('errand_made').on(t.madeAt),
    index('errand_by_state').on(t.state, t.madeAt),
    index('errand_due').on(t.nextAttemptAt).where(sql`service IS NOT NULL AND state = 'PENDING'`),
    index('errand_waiting').on(t.study).where(sql`service IS NOT NULL AND state = 'WAITING'`),
  ],
)

export const errandAttempt = sqliteTable(
  'errand_attempt',
  {
    seq: seq(),
    id: text().notNull().unique(),
    errand: integer()
      .notNull()
      .references(() => errand.seq),
    number: integer().notNull(),
    startedAt: integer('started_at').notNull(),
    took: integer(),
    outcome: text().notNull(),
    status: text(),
    reason: text(),
  },
  (t) => [
    check('errand_attempt_outcome', oneOf(t.outcome, ATTEMPT_OUTCOMES)),
    unique('errand_attempt_number').on(t.errand, t.number),
  ],
)

/** Questions to services that somebody waits for. Holds patient data. */
export const question = sqliteTable(
  'question',
  {
    key: text().primaryKey(),
    service: text().notNull(),
    call: text().notNull(),
    given: text().notNull(),
    askedAt: integer('asked_at').notNull(),
    attempts: integer().notNull(),
    /** Also the end of the claim's lease. */
    nextAttemptAt: integer('next_attempt_at').notNull(),
    claimToken: text('claim_token'),
    status: text(),
    reason: text(),
  },
  (t) => [index('question_due').on(t.nextAttemptAt)],
)

/** The last answer to each question, remembered for a time across studies. Holds patient data. */
export const answer = sqliteTable(
  'answer',
  {
    key: text().primaryKey(),
    found: integer().notNull(),
    fields: text().notNull(),
    answeredAt: integer('answered_at').notNull(),
    keepUntil: integer('keep_until').notNull(),
  },
  (t) => [index('answer_keep').on(t.keepUntil)],
)

/** The answer each study rests on: one study never splits over two. Holds patient data. */
export const studyAnswer = sqliteTable(
  'study_answer',
  {
    /** The study; the instance's number below zero where an instance names no study. */
    study: integer().notNull(),
    key: text().notNull(),
    found: integer().notNull(),
    fields: text().notNull(),
    answeredAt: integer('answered_at').notNull(),
    /** When the study first asked: `try_for` counts from here. */
    askedAt: integer('asked_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.study, t.key] })],
)
