import { KurirError } from '../../base/failure.ts'
import type { ErrandId } from '../../ledger/ids.ts'
import type { StudyRow } from '../../ledger/records.ts'
import type { AdminContext } from '../context.ts'
import type { ErrandResolvers, MutationResolvers } from '../generated.ts'
import { globalId, keyOf } from '../global-id.ts'
import { readPage } from '../paging.ts'
import { argumentsOf } from './explanation.ts'
import { notFound, refusalOf } from './refusals.ts'

export const errand: ErrandResolvers = {
  id: (row) => globalId('Errand', row.id),
  study: ({ studyInstanceUid }, _args, context) => studyOf(studyInstanceUid, context),
  destination: ({ destination }) => (destination === null ? null : { name: destination }),
  arguments: (row) => (row.service === null ? null : argumentsOf(row.arguments)),
  attempts: (row, args, { ledger }) => ledger.views.errandAttempts(row.id, readPage(args)),
  deliveries: (row, args, { ledger }) => ledger.views.deliveries({ errand: row.id }, readPage(args)),
}

export const errandVerbs = {
  async errandRetry(_root, { input: { errandId } }, { ledger, caller }) {
    const id: ErrandId | undefined = keyOf('Errand', errandId)
    if (id === undefined) return notFound('errand', errandId)
    const refusal = refusalOf(await ledger.errandRetry(id, caller), 'errand', errandId)
    const row = refusal === undefined ? await ledger.views.errand(id) : undefined
    return row === undefined
      ? (refusal ?? notFound('errand', errandId))
      : { __typename: 'ErrandRetrySuccess', errand: row }
  },

  async studySettle(_root, { input: { studyInstanceUid: uid } }, context) {
    const refusal = refusalOf(await context.ledger.studySettle(uid, context.caller), 'study', uid)
    return refusal ?? { __typename: 'StudySettleSuccess', study: await studyOf(uid, context) }
  },

  async studyAskAgain(_root, { input: { studyInstanceUid: uid } }, context) {
    const refusal = refusalOf(await context.ledger.studyAskAgain(uid, context.caller), 'study', uid)
    return refusal ?? { __typename: 'StudyAskAgainSuccess', study: await studyOf(uid, context) }
  },
} satisfies Pick<MutationResolvers, 'errandRetry' | 'studySettle' | 'studyAskAgain'>

async function studyOf(uid: string, { ledger }: AdminContext): Promise<StudyRow> {
  const row = await ledger.views.study(uid)
  if (row === undefined) throw new KurirError('not-found', 'permanent', 'an errand stands without its study')
  return row
}
