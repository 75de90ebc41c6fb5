import { systemClock } from '../base/clock.ts'
import { KurirError } from '../base/failure.ts'
import type { AttributeChange } from '../dicom/resolved-edit.ts'
import type { InstanceId } from '../ledger/ids.ts'
import type { Ledger, Unplanned } from '../ledger/ledger.ts'
import type { KeptAnswer } from '../ledger/questions.ts'
import { openSqliteViews } from '../ledger/sqlite/open-views.ts'
import { factsOf } from '../plan/facts.ts'
import { explainReceived } from '../plan/instruction.ts'
import { defaultCharset } from '../plan/obligations.ts'
import { isGivenUp } from '../rules/asking-on.ts'
import type { explain } from '../rules/decide.ts'
import type { Facts } from '../rules/facts.ts'
import type { Ruleset } from '../rules/ruleset.ts'
import { readSettings } from '../settings/settings.ts'
import type { Settings } from '../settings/table.ts'
import type { CommandContext } from './command.ts'
import { type Explained, explainedLines, type Said } from './explain-lines.ts'
import { explainedInstance } from './explained.ts'
import { requireLedger } from './ledger-file.ts'
import { requireRules } from './rules-in-folder.ts'
import { askRunning, findRunning } from './running.ts'

/**
 * Explains an instance on record: by the rules in force when a Kurir runs here, which is asked; else by the rules of the
 * folder, with the ledger read and nothing written.
 *
 * @param id ours, as logs and reports have it, or as GraphQL has it
 */
export async function explainRecorded(id: string, context: CommandContext): Promise<number> {
  const settings = readSettings(context.environment)
  const instance = plainId(id)
  const { by, explained } =
    (await findRunning(settings)) === undefined
      ? await fromLedger(instance, settings, context)
      : await fromRunning(instance, settings)
  context.print(by)
  for (const line of explainedLines(explained)) context.print(line)
  return 0
}

interface Answered {
  readonly by: string
  readonly explained: Explained
}

const noSuch = (id: string): KurirError =>
  new KurirError('not-found', 'permanent', `there is no instance ${id} on record`)

/** GraphQL's ids are base64 of `Instance:` and ours. */
function plainId(id: string): string {
  const text = Buffer.from(id, 'base64').toString('latin1')
  return text.startsWith('Instance:') ? text.slice('Instance:'.length) : id
}

async function fromLedger(id: string, settings: Settings, context: CommandContext): Promise<Answered> {
  const ruleset = await requireRules(context.environment)
  await using reader = openSqliteViews(await requireLedger(settings), systemClock.now)
  const row = await reader.views.instance(id as InstanceId)
  if (row === undefined) throw noSuch(id)
  const header = await reader.views.header(row.id)
  const by = 'by the rules of the folder'
  if (row.unreadable !== null || header === undefined) {
    const holds = [{ reason: row.heldReason ?? 'unreadable', rule: null }]
    return { by, explained: { steps: [], forwards: [], asks: [], waits: [], holds, discards: [], awaitsStudy: false } }
  }
  const amendments = (await reader.views.amendments(row.id)).flatMap(({ attributes }) => attributes)
  const facts = { ...factsOf({ ...row, header }, defaultCharset(ruleset, row)), amendments }
  const answers = new Map<string, KeptAnswer>()
  const found = await withAnswers({ ...row, amendments }, ruleset, { ...facts, answers }, answers, reader)
  const now = systemClock.now()
  return { by, explained: explainedInstance(found, (wait) => isGivenUp(wait, answers, now)) }
}

/**
 * With the answers that are on record; an answer may lead to another question.
 *
 * @param answers those of the facts, filled here
 */
async function withAnswers(
  instance: Pick<Unplanned, 'id' | 'reception' | 'identity' | 'amendments'>,
  ruleset: Ruleset,
  facts: Facts,
  answers: Map<string, KeptAnswer>,
  reader: Pick<Ledger, 'answers'>,
): Promise<ReturnType<typeof explain>> {
  for (;;) {
    const explained = explainReceived(instance, ruleset, facts)
    const open = explained.decision.asks.map(({ key }) => key)
    const kept = await reader.answers(open.map((key) => ({ instance: instance.id, key })))
    for (const [index, key] of open.entries()) {
      const answer = kept[index]
      if (answer !== undefined) answers.set(key, answer)
    }
    if (!open.some((key) => answers.has(key))) return explained
  }
}

const EXPLAIN = `query($id: ID!) {
  ruleExplain(input: { instanceId: $id }) {
    __typename
    ... on UserError { message }
    ... on Explanation {
      rulesetDigest held discarded waits awaitsStudy
      forward { destination { name } rules { name } rewrite { verb keyword tag } }
      questions { service call answered rule { name file line } }
      steps { rule { name } depth matched because stopped }
    }
  }
}`

interface Explanation {
  readonly rulesetDigest: string
  readonly held: readonly string[]
  readonly discarded: readonly string[]
  readonly waits: readonly string[]
  readonly awaitsStudy: boolean
  readonly forward: readonly {
    readonly destination: { readonly name: string }
    readonly rules: readonly { readonly name: string }[]
    readonly rewrite: readonly Pick<AttributeChange, 'verb' | 'keyword' | 'tag'>[]
  }[]
  readonly questions: readonly {
    readonly service: string
    readonly call: string
    readonly answered: boolean
    readonly rule: NonNullable<Said>
  }[]
  readonly steps: readonly {
    readonly rule: { readonly name: string }
    readonly depth: number
    readonly matched: boolean
    readonly because: string | null
    readonly stopped: boolean
  }[]
}

async function fromRunning(id: string, settings: Settings): Promise<Answered> {
  const globalId = Buffer.from(`Instance:${id}`, 'latin1').toString('base64')
  const { ruleExplain } = (await askRunning(settings, EXPLAIN, { id: globalId })) as {
    readonly ruleExplain: { readonly message?: string } & (
      | Explanation
      | { readonly __typename: 'NotFound' | 'Invalid' }
    )
  }
  if (!('steps' in ruleExplain)) throw noSuch(id)
  const { rulesetDigest, forward, questions, steps, held, discarded, waits, awaitsStudy } = ruleExplain
  const said = (reason: string) => ({ reason, rule: null })
  const explained: Explained = {
    steps: steps.map(({ rule: { name }, because, ...step }) => ({
      ...step,
      name,
      because: because === null ? [] : [because],
      forward: forward
        .filter(({ rules }) => rules.some((rule) => rule.name === name))
        .map((each) => each.destination.name),
      asks: questions.filter(({ rule }) => rule.name === name).map(({ service, call }) => `${service}.${call}`),
      notifies: [],
    })),
    forwards: forward.map(({ destination, rewrite }) => ({
      destination: destination.name,
      changes: rewrite,
      note: '',
    })),
    asks: questions
      .filter(({ answered }) => !answered)
      .map(({ service, call, rule }) => ({ reason: `${service}.${call}`, rule })),
    waits: waits.map(said),
    holds: held.map(said),
    discards: discarded.map(said),
    awaitsStudy,
  }
  return { by: `by the rules in force, ${rulesetDigest.slice(0, 12)}`, explained }
}
