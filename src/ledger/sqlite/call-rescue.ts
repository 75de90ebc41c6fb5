import type { WriterVerbs } from './protocol.ts'
import type { WriteContext } from './write-context.ts'

export const QUESTIONS_RESCUE = `UPDATE question SET next_attempt_at = ?, claim_token = NULL
  WHERE next_attempt_at > ? AND claim_token IS NOT NULL`
export const ERRANDS_RESCUE = `UPDATE errand SET next_attempt_at = ?, claim_token = NULL
  WHERE service IS NOT NULL AND state = 'PENDING' AND next_attempt_at > ? AND claim_token IS NOT NULL`

/** What a process that died was asking and telling: nobody will settle it under its old claim. */
export function callRescue(context: WriteContext): Pick<WriterVerbs, 'callsRescued'> {
  const { db } = context
  const questions = db.prepare<[number, number]>(QUESTIONS_RESCUE)
  const errands = db.prepare<[number, number]>(ERRANDS_RESCUE)
  return {
    callsRescued() {
      const at = context.at()
      const rescued = questions.run(at, at).changes + errands.run(at, at).changes
      if (rescued > 0) for (const topic of ['question', 'errand'] as const) context.wake(topic)
      return rescued
    },
  }
}
