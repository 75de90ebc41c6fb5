import type { InstanceId } from '../../ledger/ids.ts'
import type { RuleFile } from '../../rules/rule-source.ts'
import { badInput } from '../bad-input.ts'
import type { AdminContext } from '../context.ts'
import type {
  MutationResolvers,
  ShadowCandidate,
  ShadowDestinationResolvers,
  ShadowReasonResolvers,
  ShadowRuleResolvers,
  ShadowSampleResolvers,
} from '../generated.ts'
import { invalid, notAllowedNow, notFound } from './refusals.ts'
import { refused } from './ruleset-verbs.ts'

const MOST_FILES = 100
const LONGEST_MS = 400 * 86_400_000

export const shadowDestination: ShadowDestinationResolvers = { change: (row) => row }
export const shadowRule: ShadowRuleResolvers = { change: (row) => row }
export const shadowReason: ShadowReasonResolvers = { change: (row) => row }

export const shadowSample: ShadowSampleResolvers = {
  async examples({ examples }, _args, { ledger }) {
    const rows = await Promise.all(examples.map((id: InstanceId) => ledger.views.instance(id)))
    return rows.filter((row) => row !== undefined)
  },
}

export const shadowVerbs = {
  async rulesetShadow(_root, { input: { candidate, since, against } }, context) {
    const { ledger, caller, shadows, rulesets } = context
    const now = ledger.now()
    if (since >= now || since < now - LONGEST_MS) return invalid('since lies in the past, at most 400 days.', SINCE)
    const files = await filesOf(candidate, context)
    if (files === undefined) return notFound('ruleset', candidate.digest ?? '')
    const checked = shadows.source.check(files)
    if (checked.kind === 'refused') return refused(checked.problems, rulesets)
    const wish = { files, against: AGAINST[against ?? 'RECORD'], since, before: now }
    const shadow = shadows.runs.start(wish, checked.digest, caller.name)
    if (shadow === undefined) return notAllowedNow('Another replay runs; wait for its report.', 'RUNNING')
    const detail = checked.digest
    await ledger.processEvent({ event: 'ruleset-shadow', actor: caller.name, outcome: 'started', detail })
    return { __typename: 'RulesetShadowSuccess', shadow }
  },
} satisfies Pick<MutationResolvers, 'rulesetShadow'>

const SINCE = ['input', 'since']
const AGAINST = { RECORD: 'record', CURRENT: 'current' } as const

async function filesOf(candidate: ShadowCandidate, { ledger }: AdminContext): Promise<readonly RuleFile[] | undefined> {
  const { digest, files } = candidate
  const given = typeof digest === 'string' ? await ledger.views.rulesetFiles(digest) : (files ?? [])
  if (given === undefined) return undefined
  if (given.length > MOST_FILES) throw badInput(`At most ${MOST_FILES} files.`)
  return given.map(({ name, text }) => ({ name, bytes: Buffer.from(text, 'utf8') }))
}
