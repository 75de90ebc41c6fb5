import type { InstanceId } from '../../ledger/ids.ts'
import type { OperatorOutcome } from '../../ledger/ledger.ts'
import type { InstanceRow } from '../../ledger/views.ts'
import type { Amendment } from '../../rules/facts.ts'
import { type Prepared, prepareAmendment } from '../amending.ts'
import type { AdminContext } from '../context.ts'
import type { AttributeSet, MutationResolvers } from '../generated.ts'
import { keyOf } from '../global-id.ts'
import { invalid, notAllowedNow, notFound, readReason, refusalOf } from './refusals.ts'

export const holdVerbs = {
  async holdRelease(_root, { input }, context) {
    const reason = readReason(input.reason)
    const id = keyOf('Obligation', input.obligationId)
    const held = id === undefined ? undefined : await context.ledger.views.obligation(id)
    const row = held === undefined ? undefined : await context.ledger.views.instance(held.instance)
    if (id === undefined || row === undefined) return notFound('hold', input.obligationId)
    const prepared = input.amend ? await prepare(input.amend, row, reason, context) : undefined
    const refused = prepared === undefined ? undefined : refusalOfAmendment(prepared, ['input', 'amend'])
    if (refused !== undefined) return refused
    const amendment = prepared?.kind === 'amendment' ? prepared.amendment : undefined
    const outcome = await context.ledger.holdRelease(id, reason, context.caller, amendment)
    const done = await changed(outcome, 'hold', input.obligationId, context)
    return done.__typename === 'Done' ? { __typename: 'HoldReleaseSuccess', instance: done.instance } : done
  },

  async holdDiscard(_root, { input }, context) {
    const reason = readReason(input.reason)
    const id = keyOf('Obligation', input.obligationId)
    if (id === undefined) return notFound('hold', input.obligationId)
    const outcome = await context.ledger.holdDiscard(id, reason, context.caller)
    const done = await changed(outcome, 'hold', input.obligationId, context)
    return done.__typename === 'Done' ? { __typename: 'HoldDiscardSuccess', instance: done.instance } : done
  },

  async instanceAmend(_root, { input }, context) {
    const reason = readReason(input.reason)
    const id = keyOf('Instance', input.instanceId)
    const row = id === undefined ? undefined : await context.ledger.views.instance(id)
    if (id === undefined || row === undefined) return notFound('instance', input.instanceId)
    const prepared = await prepare(input.set, row, reason, context)
    const refused = refusalOfAmendment(prepared, ['input', 'set'])
    if (refused !== undefined) return refused
    // It stands like that already: asked twice, done once.
    if (prepared.kind !== 'amendment') return { __typename: 'InstanceAmendSuccess', instance: row }
    const outcome = await context.ledger.instanceAmend(id, prepared.amendment, context.caller)
    const done = await changed(outcome, 'instance', input.instanceId, context)
    return done.__typename === 'Done' ? { __typename: 'InstanceAmendSuccess', instance: done.instance } : done
  },
} satisfies Pick<MutationResolvers, 'holdRelease' | 'holdDiscard' | 'instanceAmend'>

function prepare(set: readonly AttributeSet[], row: InstanceRow, reason: string, context: AdminContext) {
  const attributes = set.map(({ name, value }): Amendment => ({ name, value: value ?? null }))
  return prepareAmendment(context.ledger.views, row, context.rulesets.compiled(), attributes, reason)
}

/** @param path of the attributes in the input */
function refusalOfAmendment(prepared: Prepared, path: readonly string[]) {
  if (prepared.kind === 'unreadable') return notAllowedNow('The header of the instance cannot be read.', 'unreadable')
  if (prepared.kind !== 'invalid') return undefined
  return invalid(prepared.sentence, prepared.index === null ? path : [...path, String(prepared.index)])
}

/** The instance as the verb left it, or why it did nothing. */
async function changed(outcome: OperatorOutcome<InstanceId>, what: string, id: string, { ledger }: AdminContext) {
  const refusal = refusalOf(outcome, what, id)
  if (refusal !== undefined || outcome.kind !== 'ok') return refusal ?? notFound(what, id)
  const instance = await ledger.views.instance(outcome.value)
  return instance === undefined ? notFound(what, id) : ({ __typename: 'Done', instance } as const)
}
