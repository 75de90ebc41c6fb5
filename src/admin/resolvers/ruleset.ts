import type { LedgerViews } from '../../ledger/views.ts'
import type { RuleResolvers, RulesetResolvers } from '../generated.ts'
import { globalId } from '../global-id.ts'
import type { RulesetDifferenceModel } from '../models.ts'
import { differFiles } from '../ruleset-difference.ts'

export const ruleset: RulesetResolvers = {
  id: ({ digest }) => globalId('Ruleset', digest),
  rolledBackBecause: ({ pin }) => pin?.reason ?? null,
  texts: async ({ digest }, _args, { ledger }) => (await ledger.views.rulesetFiles(digest)) ?? null,
  rules: ({ digest, summary }) => (summary?.rules ?? []).map((each) => ({ ...each, rulesetDigest: digest })),
  // One that fails a test of its own never comes into force.
  tests: ({ summary }) => (summary === null ? null : { ...summary.tests, failed: 0 }),
}

export const rule: RuleResolvers = {
  destinations: ({ destinations }) => destinations.map((name) => ({ name })),
  matchedLastHour: ({ name, rulesetDigest }, _args, { rulesets }) =>
    rulesetDigest === rulesets.inForce().digest ? rulesets.matchedLastHour(name) : null,
}

/** Null unless both are kept. */
export async function rulesetDifference(
  views: Pick<LedgerViews, 'ruleset' | 'rulesetFiles'>,
  from: string,
  to: string,
): Promise<RulesetDifferenceModel | null> {
  const [before, after] = await Promise.all([views.ruleset(from), views.ruleset(to)])
  const [old, now] = await Promise.all([views.rulesetFiles(from), views.rulesetFiles(to)])
  if (before === undefined || after === undefined || old === undefined || now === undefined) return null
  return { from: before, to: after, files: differFiles(old, now) }
}
