import type { InstanceId } from '../../ledger/ids.ts'
import { factsOf } from '../../plan/facts.ts'
import { defaultCharset } from '../../plan/obligations.ts'
import type { Arguments } from '../../rules/decision.ts'
import { factsOf as givenFacts } from '../../rules/given.ts'
import type { AdminContext } from '../context.ts'
import { explainInstance, unreadable } from '../explanation.ts'
import type {
  ExplainedForwardResolvers,
  ExplainedQuestionResolvers,
  ExplainedStepResolvers,
  ExplanationResolvers,
  FactInput,
  QueryResolvers,
} from '../generated.ts'
import { keyOf } from '../global-id.ts'
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
  return explainGiven(input.facts ?? [], context)
}

async function explainStored(id: string, context: AdminContext) {
  const key: InstanceId | undefined = keyOf('Instance', id)
  const { views } = context.ledger
  const row = key === undefined ? undefined : await views.instance(key)
  if (key === undefined || row === undefined) return notFound('instance', id)
  const header = await views.header(key)
  const ruleset = context.rulesets.compiled()
  if (header === undefined) return explained(unreadable(ruleset, row.heldReason ?? 'unreadable'))
  const { reception, identity } = row
  return explained(explainInstance(ruleset, factsOf({ header, reception, identity }, defaultCharset(ruleset, row))))
}

function explainGiven(given: readonly FactInput[], context: AdminContext) {
  const twice = given.findIndex(({ name }, index) => given.findIndex((other) => other.name === name) < index)
  if (twice >= 0) return invalid('This name is given twice.', ['input', 'facts', String(twice), 'name'])
  const facts = givenFacts(new Map(given.map(({ name, values }) => [name, values])))
  if (!('problems' in facts)) return explained(explainInstance(context.rulesets.compiled(), facts))
  const [[name, sentence] = ['', '']] = facts.problems
  const at = given.findIndex((fact) => fact.name === name)
  return invalid(sentence, ['input', 'facts', String(at), 'name'])
}

const explained = <Model extends object>(model: Model) => ({ __typename: 'Explanation', ...model }) as const
