import type { NewObligation } from '../deciding.ts'
import type { WriteContext } from './write-context.ts'

export const HOLDS_OF = `SELECT seq, reason, question, rule ->> '$.name' AS rule FROM obligation
  WHERE instance = ? AND study_round IS ? AND kind = 'HOLD' AND state = 'HELD' AND delivery IS NULL`
export const HOLD_AGAIN = `UPDATE obligation SET rule = ?, ruleset_digest = ? WHERE seq = ?`
export const HOLD_FORGET = `DELETE FROM obligation WHERE seq = ?`
export const HOLD_LEAD_NEXT = `SELECT min(seq) FROM obligation WHERE follows = ?`
export const HOLD_FOLLOW = `UPDATE obligation SET follows = nullif(?, seq) WHERE follows = ?`
/** What a person released or discarded before, by what it was held for. */
export const ANSWERED_BEFORE = `SELECT 1 FROM obligation WHERE instance = ? AND study_round IS ? AND kind = 'HOLD'
  AND delivery IS NULL AND rule ->> '$.name' IS ? AND ((state = 'CANCELLED' AND ? AND reason = ?)
    OR (state = 'DISCARDED' AND substr(reason, -length(?)) = ?)) LIMIT 1`

/** In front of the reason of a hold that a person released. */
export const RELEASED = 'released: '
/** Between a person's reason for discarding and what was held. */
export const DISCARDED = '; held: '

type Hold = Extract<NewObligation, { readonly kind: 'HOLD' }>
interface HoldRow {
  readonly seq: number
  readonly reason: string | null
  readonly question: string | null
  readonly rule: string | null
}

export interface HoldKeeping {
  /** Whether a person has answered this very hold already: it is not asked again. */
  isAnswered(instance: number, round: number | null, hold: Hold): boolean
  /** Whether it is held for just that already; it then stays the same one, now by this ruleset. */
  stays(instance: number, round: number | null, hold: Hold, digest: string): boolean
  /** Forgets what is held and not owed any more by a new decision. */
  forgetOthers(instance: number, round: number | null, owed: readonly NewObligation[]): void
}

/** Several holds of one instance have lives of their own: a new decision, made because of one, is not the end of the others. */
export function holdKeeping({ db }: WriteContext): HoldKeeping {
  const holdsOf = db.prepare<[number, number | null], HoldRow>(HOLDS_OF)
  const again = db.prepare<[string | null, string, number]>(HOLD_AGAIN)
  const forget = db.prepare<[number]>(HOLD_FORGET)
  const leadNext = db.prepare<[number], number | null>(HOLD_LEAD_NEXT).pluck()
  const follow = db.prepare<[number, number]>(HOLD_FOLLOW)
  const answered = db.prepare(ANSWERED_BEFORE).pluck()

  return {
    isAnswered(instance, round, { rule, reason, releasable }) {
      const name = rule?.name ?? null
      const isReleasable = releasable === true && name !== null ? 1 : 0
      const discarded = `${DISCARDED}${reason}`
      const what = [instance, round, name, isReleasable, `${RELEASED}${reason}`, discarded, discarded]
      return answered.get(...what) !== undefined
    },
    stays(instance, round, hold, digest) {
      const same = holdsOf.all(instance, round).find((row) => isSame(row, hold))
      if (same === undefined) return false
      again.run(hold.rule === null ? null : JSON.stringify(hold.rule), digest, same.seq)
      return true
    },
    forgetOthers(instance, round, owed) {
      const holds = owed.filter((one) => one.kind === 'HOLD')
      for (const row of holdsOf.all(instance, round)) {
        if (holds.some((hold) => isSame(row, hold))) continue
        // Those that a person saw as one with it go on without it.
        const next = leadNext.get(row.seq) ?? null
        if (next !== null) follow.run(next, row.seq)
        forget.run(row.seq)
      }
    },
  }
}

const isSame = (row: HoldRow, { rule, reason, question }: Hold): boolean =>
  row.rule === (rule?.name ?? null) && row.reason === reason && row.question === (question ?? null)
