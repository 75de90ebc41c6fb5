import type { StudyRow } from '../ledger/records.ts'
// What a resolver of each GraphQL type is given, where that is not a row of the ledger.

import type { ErrandRow } from '../ledger/errands.ts'
import type { RuleSummary } from '../ledger/records.ts'
import type {
  AttemptRow,
  AuditRow,
  DeliveryRow,
  ErrandAttemptRow,
  InstanceRow,
  ObligationRow,
  Page,
  RulesetRow,
} from '../ledger/views.ts'
import type { Ask } from '../rules/decision.ts'
import type { SERVICE_STATES } from '../services/call.ts'
import type { FileDifference } from './ruleset-difference.ts'

/** Held equal to the GraphQL enum by a test. */
export const DESTINATION_STATES = ['UP', 'DOWN', 'PAUSED'] as const
export type DestinationState = (typeof DESTINATION_STATES)[number]

/** A destination by its name; everything else is looked up when it is asked for. */
export interface DestinationModel {
  readonly name: string
}

/** READY, RESTING or NOT_CONFIGURED. */
export type ServiceState = (typeof SERVICE_STATES)[number]

/** A SOP class or a transfer syntax. */
export interface UidModel {
  readonly uid: string
}

/** A rule of a ruleset. */
export interface RuleModel extends RuleSummary {
  readonly rulesetDigest: string
}

/** A question that the rules put, and whether its answer is there. */
export interface QuestionModel extends Ask {
  readonly answered: boolean
}

/** Two rulesets that were in force, and the files in which they differ. */
export interface RulesetDifferenceModel {
  readonly from: RulesetRow
  readonly to: RulesetRow
  readonly files: readonly FileDifference[]
}

export type StudyPage = Page<StudyRow>
export type InstancePage = Page<InstanceRow>
export type AttemptPage = Page<AttemptRow>
export type ErrandPage = Page<ErrandRow>
export type ErrandAttemptPage = Page<ErrandAttemptRow>
export type ObligationPage = Page<ObligationRow>
export type RulesetPage = Page<RulesetRow>
export type AuditPage = Page<AuditRow>
export interface DeliveryPage extends Page<DeliveryRow> {
  /** Undefined where no index can tell cheaply. */
  readonly count?: () => Promise<number | undefined>
}
