import { makeExecutableSchema } from '@graphql-tools/schema'
import type { GraphQLSchema } from 'graphql'
import type { AdminContext } from './context.ts'
import { guard } from './directives.ts'
import type { Resolvers } from './generated.ts'
import { auditEvent } from './resolvers/audit.ts'
import { delivery, deliveryAttempt, deliveryConnection } from './resolvers/delivery.ts'
import { deliveryVerbs } from './resolvers/delivery-verbs.ts'
import { destination } from './resolvers/destination.ts'
import { destinationVerbs } from './resolvers/destination-verbs.ts'
import { errand, errandVerbs } from './resolvers/errand.ts'
import { explainedForward, explainedQuestion, explainedStep, explanation } from './resolvers/explanation.ts'
import { holdVerbs } from './resolvers/hold-verbs.ts'
import {
  amendment,
  instance,
  obligation,
  obligationCounts,
  sopClass,
  study,
  transferSyntax,
} from './resolvers/instance.ts'
import { otherVerbs } from './resolvers/other-verbs.ts'
import { pageFields } from './resolvers/page.ts'
import { query } from './resolvers/query.ts'
import { rule, ruleset } from './resolvers/ruleset.ts'
import { rulesetVerbs } from './resolvers/ruleset-verbs.ts'
import { service, serviceAnswer, serviceVerbs } from './resolvers/service.ts'
import { shadowDestination, shadowReason, shadowRule, shadowSample, shadowVerbs } from './resolvers/shadow.ts'
import { tokenVerbs } from './resolvers/token-verbs.ts'
import { scalars } from './scalars.ts'
import { readSdl } from './sdl.ts'

// A union's or an interface's value names its type itself: graphql-js reads `__typename` when nothing else is said.
type ByTypename =
  | 'AuditSubject'
  | 'DeliveriesRetryResult'
  | 'DeliveryCancelResult'
  | 'DeliveryRetryResult'
  | 'DestinationPauseResult'
  | 'DestinationResumeResult'
  | 'DestinationVerifyResult'
  | 'ErrandRetryResult'
  | 'HoldDiscardResult'
  | 'HoldReleaseResult'
  | 'InstanceAmendResult'
  | 'InstanceReplanResult'
  | 'Node'
  | 'RuleExplainResult'
  | 'RulesetReloadResult'
  | 'RulesetRollbackResult'
  | 'RulesetShadowResult'
  | 'ServiceVerifyResult'
  | 'StudyAskAgainResult'
  | 'StudySettleResult'
  | 'TokenCreateResult'
  | 'TokenRevokeResult'
  | 'UserError'

const resolvers: Omit<Resolvers, ByTypename> = {
  ...scalars,
  Query: query,
  Mutation: {
    ...deliveryVerbs,
    ...destinationVerbs,
    ...holdVerbs,
    ...errandVerbs,
    ...otherVerbs,
    ...rulesetVerbs,
    ...serviceVerbs,
    ...shadowVerbs,
    ...tokenVerbs,
  },
  Study: study,
  Instance: instance,
  SopClass: sopClass,
  TransferSyntax: transferSyntax,
  Obligation: obligation,
  ObligationCounts: obligationCounts,
  Amendment: amendment,
  Errand: errand,
  Delivery: delivery,
  DeliveryAttempt: deliveryAttempt,
  Destination: destination,
  Ruleset: ruleset,
  Rule: rule,
  Explanation: explanation,
  ExplainedForward: explainedForward,
  ExplainedQuestion: explainedQuestion,
  ExplainedStep: explainedStep,
  Service: service,
  ServiceAnswer: serviceAnswer,
  ShadowDestination: shadowDestination,
  ShadowRule: shadowRule,
  ShadowReason: shadowReason,
  ShadowSample: shadowSample,
  AuditEvent: auditEvent,
  StudyConnection: pageFields(),
  InstanceConnection: pageFields(),
  DeliveryConnection: deliveryConnection,
  DeliveryAttemptConnection: pageFields(),
  ErrandConnection: pageFields(),
  ErrandAttemptConnection: pageFields(),
  ObligationConnection: pageFields(),
  RulesetConnection: pageFields(),
  AuditEventConnection: pageFields(),
}

/** The admin's schema with its resolvers, and every `@phi` and `@requires` of it in force. */
export function buildAdminSchema(): GraphQLSchema {
  return guard(makeExecutableSchema<AdminContext>({ typeDefs: readSdl(), resolvers }))
}
