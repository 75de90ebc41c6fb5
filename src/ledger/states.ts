/** The closed sets of the ledger. Each array also writes the SQL CHECK and is held equal to the GraphQL enum by a test. */

export const DOORS = ['DIMSE', 'STOW', 'UPLOAD', 'FOLDER', 'RETRIEVE'] as const
export type Door = (typeof DOORS)[number]

export const DELIVERY_STATES = [
  'READY',
  'SENDING',
  'AWAITING_COMMITMENT',
  'DELIVERED',
  'REJECTED',
  'FAILED',
  'HELD',
  'CANCELLED',
] as const
export type DeliveryState = (typeof DELIVERY_STATES)[number]

export const OBLIGATION_KINDS = ['DELIVER', 'WAIT', 'HOLD', 'DISCARD', 'NOTIFY'] as const
export type ObligationKind = (typeof OBLIGATION_KINDS)[number]

export const OBLIGATION_STATES = [
  'PENDING',
  'WAITING',
  'HELD',
  'REJECTED',
  'FAILED',
  'DELIVERED',
  'DISCARDED',
  'CANCELLED',
] as const
export type ObligationState = (typeof OBLIGATION_STATES)[number]

/** PENDING also while no ruleset has decided yet. */
export const INSTANCE_STATES = ['PENDING', 'WAITING', 'HELD', 'DISCARDED', 'SETTLED'] as const
export type InstanceState = (typeof INSTANCE_STATES)[number]

export const STUDY_STATES = ['OPEN', 'SETTLED'] as const
export type StudyState = (typeof STUDY_STATES)[number]

/** OPEN: its members are frozen and it is to be decided. WAITING: decided but for what an answer is awaited for. */
export const ROUND_STATES = ['OPEN', 'WAITING', 'PLANNED'] as const
export type RoundState = (typeof ROUND_STATES)[number]

export const MOMENTS = ['INSTANCE', 'STUDY'] as const
export type Moment = (typeof MOMENTS)[number]

export const ATTEMPT_OUTCOMES = [
  'DELIVERED',
  'DELIVERED_WITH_WARNING',
  'TRANSIENT',
  'AMBIGUOUS',
  'PERMANENT',
  'INTERRUPTED',
] as const
export type AttemptOutcome = (typeof ATTEMPT_OUTCOMES)[number]

export const ROLES = ['VIEWER', 'OPERATOR', 'PHI_READER', 'ADMIN', 'INGEST', 'INTEGRATOR'] as const
export type Role = (typeof ROLES)[number]
