import type { QueryResolvers } from '../generated.ts'
import { readPage } from '../paging.ts'
import { allDestinations, COUNT_CAP, findDestination } from './destination.ts'
import { ruleExplain } from './explanation.ts'
import { findNode } from './node.ts'
import { rulesetDifference } from './ruleset.ts'
import { auditSelection, deliverySelection, errandSelection, instanceSelection, studySelection } from './selection.ts'

export const query: QueryResolvers = {
  node: (_root, { id }, context) => findNode(id, context),
  study: async (_root, { studyInstanceUid }, { ledger }) => (await ledger.views.study(studyInstanceUid)) ?? null,
  studies: (_root, args, { ledger }) => ledger.views.studies(studySelection(args.filter), readPage(args)),
  instances: (_root, args, { ledger }) => ledger.views.instances(instanceSelection(args.filter), readPage(args)),
  async deliveries(_root, args, { ledger }) {
    const selection = deliverySelection(args.filter)
    const page = await ledger.views.deliveries(selection, readPage(args))
    return { ...page, count: () => ledger.views.deliveryCount(selection, COUNT_CAP) }
  },
  errands: (_root, args, { ledger }) => ledger.views.errands(errandSelection(args.filter), readPage(args)),
  obligationCounts: (_root, _args, { ledger }) => ledger.views.obligationCounts(),
  holds: (_root, args, { ledger }) => ledger.views.held(readPage(args)),
  destination: async (_root, { name }, context) => (await findDestination(name, context)) ?? null,
  destinations: (_root, _args, context) => allDestinations(context),
  ruleset: (_root, _args, { rulesets }) => rulesets.inForce(),
  rulesets: (_root, args, { ledger }) => ledger.views.rulesets(readPage(args)),
  rulesetDifference: (_root, { from, to }, { ledger }) => rulesetDifference(ledger.views, from, to),
  services: (_root, _args, { services }) => services.states(),
  ruleExplain,
  rulesetShadowRun: (_root, _args, { shadows }) => shadows.runs.last ?? null,
  auditEvents: (_root, args, { ledger }) => ledger.views.auditEvents(auditSelection(args.filter), readPage(args)),
  tokens: (_root, _args, { ledger }) => ledger.tokens(),
  health: async (_root, _args, { health }) => await health.report(),
}
