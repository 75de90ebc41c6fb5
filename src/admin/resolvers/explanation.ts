import type { InstanceId } from '../../ledger/ids.ts'
import type { KeptAnswer } from '../../ledger/questions.ts'
import { explainReceived } from '../../plan/instruction.ts'
import type { Kept } from '../../plan/waits.ts'
import { explain } from '../../rules/decide.ts'
import type { Arguments } from '../../rules/decision.ts'
import { factsOf as givenFacts } from '../../rules/given.ts'
import type { StudyMember } from '../../rules/study-decision.ts'
import type { AdminContext } from '../context.ts'
import { type Explanation, explainStudy, explanationOf, type OnRecord, unreadable } from '../explanation.ts'
import { factsOnRecord } from '../facts-on-record.ts'
import type {
  ExplainedForwardResolvers,
  ExplainedQuestionResolvers,
  ExplainedStepResolvers,
  ExplanationResolvers,
  FactInput,
  QueryResolvers,
  StudyFactsInput,
} from '../generated.ts'
import { globalId, keyOf } from '../global-id.ts'
import { MOST_MEMBERS, membersOf } from '../study-on-record.ts'
import { invalid, notFound } from './refusals.ts'

export const explanation: ExplanationResolvers = {
  forward: ({ forwards }) => forwards,
  asks: ({ asks }) => asks.map(({ service, call }) => `${service}.${call}`),
  questions: ({ asks, asked }) => {
    const open = new Set(asks.map(({ key }) => key))
    return asked.map((ask) => ({ ...ask, answered: !open.has(ask.key) }))
  },
}

export const explainedForward: ExplainedForwardResolvers = {
  destination: ({ destination }) => ({ name: destination }),
  rewrite: ({ changes }) => changes,
}

export const explainedQuestion: ExplainedQuestionResolvers = { arguments: (ask) => argumentsOf(ask.arguments) }

export const explainedStep: ExplainedStepResolvers = {
  because: ({ because }) => (because.length === 0 ? null : because.join('; ')),
}

/** Named arguments as a list, since GraphQL knows no maps. */
export const argumentsOf = (given: Arguments) => Object.entries(given).map(([name, value]) => ({ name, value }))

export const ruleExplain: NonNullable<QueryResolvers['ruleExplain']> = async (_root, { input }, context) => {
  // @oneOf: exactly one of them is there.
  if (typeof input.instanceId === 'string') return await explainStored(input.instanceId, context)
  if (typeof input.studyInstanceUid === 'string') return await explainStoredStudy(input.studyInstanceUid, context)
  return input.study ? explainGivenStudy(input.study, context) : explainGiven(input.facts ?? [], context)
}

async function explainStored(id: string, context: AdminContext) {
  const key = keyOf('Instance', id)
  const { views } = context.ledger
  const row = key === undefined ? undefined : await views.instance(key)
  if (key === undefined || row === undefined) return notFound('instance', id)
  const ruleset = context.rulesets.compiled()
  const facts = await factsOnRecord(views, row, ruleset)
  if (facts === undefined) return explained(unreadable(ruleset, row.heldReason ?? 'unreadable'))
  const instance = { ...row, amendments: facts.amendments ?? [] }
  const explainWith = (on: OnRecord & { readonly answers: Kept }): Explanation =>
    explanationOf(explainReceived(instance, ruleset, { ...facts, answers: on.answers }), on)
  return explained(await withAnswers(context, key, explainWith))
}

async function explainStoredStudy(studyInstanceUid: string, context: AdminContext) {
  const { views } = context.ledger
  if ((await views.study(studyInstanceUid)) === undefined) return notFound('study', studyInstanceUid)
  const ruleset = context.rulesets.compiled()
  const members = await membersOf(views, studyInstanceUid, ruleset)
  if (members === undefined) return tooMany(['input', 'studyInstanceUid'])
  const named = members.map((member) => ({ ...member, id: globalId('Instance', member.id as InstanceId) }))
  const study = { members: named, settledBy: 'quiet' } as const
  const [first] = members
  if (first === undefined) return explained(explainStudy(ruleset, study))
  const key = first.id as InstanceId
  return explained(
    await withAnswers(context, key, (on) => explainStudy(ruleset, { ...study, answers: on.answers }, on)),
  )
}

/** An answer may lead to the next question. */
const MOST_TURNS = 10

/** With the answers that are there already; nobody is asked. @param instance of the study they were given for */
async function withAnswers(
  { ledger }: AdminContext,
  instance: InstanceId,
  explainWith: (on: OnRecord & { readonly answers: Kept }) => Explanation,
): Promise<Explanation> {
  const answers = new Map<string, KeptAnswer>()
  const on = { answers, now: ledger.now() }
  let explanation = explainWith(on)
  for (let turn = 0; turn < MOST_TURNS && explanation.asks.length > 0; turn += 1) {
    const known = await ledger.answers(explanation.asks.map(({ key }) => ({ instance, key })))
    const found = known.filter((answer) => answer !== undefined)
    if (found.length === 0) break
    for (const answer of found) answers.set(answer.key, answer)
    explanation = explainWith(on)
  }
  return explanation
}

function explainGiven(given: readonly FactInput[], context: AdminContext) {
  const facts = readFacts(given, ['input', 'facts'])
  return '__typename' in facts ? facts : explained(explanationOf(explain(context.rulesets.compiled(), facts)))
}

function explainGivenStudy({ settledBy, members: given }: StudyFactsInput, context: AdminContext) {
  if (given.length > MOST_MEMBERS) return tooMany(['input', 'study', 'members'])
  const members: StudyMember[] = []
  for (const [index, member] of given.entries()) {
    const facts = readFacts(member.facts, ['input', 'study', 'members', String(index), 'facts'])
    if ('__typename' in facts) return facts
    members.push({ id: String(index), facts, isNew: true, isHeld: false, isWanted: false })
  }
  const why = SETTLED_BY[settledBy ?? 'QUIET']
  return explained(explainStudy(context.rulesets.compiled(), { members, settledBy: why }))
}

const SETTLED_BY = { QUIET: 'quiet', LONGEST: 'longest', RETRIEVAL: 'retrieval', OPERATOR: 'operator' } as const

/** Facts by hand, or which of them is none. @param path where they stand in the input */
function readFacts(given: readonly FactInput[], path: readonly string[]) {
  const names = given.map(({ name }) => name)
  const twice = names.findIndex((name, index) => names.indexOf(name) < index)
  if (twice >= 0) return invalid('This name is given twice.', [...path, String(twice), 'name'])
  const facts = givenFacts(new Map(given.map(({ name, values }) => [name, values])))
  if (!('problems' in facts)) return facts
  const [[name, sentence] = ['', '']] = facts.problems
  return invalid(sentence, [...path, String(names.indexOf(name)), 'name'])
}

const tooMany = (path: readonly string[]) =>
  invalid(`A study of more than ${MOST_MEMBERS} instances is not explained as a whole: ask for one of them.`, path)

const explained = <Model extends object>(model: Model) => ({ __typename: 'Explanation', ...model }) as const
