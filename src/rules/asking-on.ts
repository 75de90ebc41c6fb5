import type { PlannedWait } from './decision.ts'

/** When the study first asked, by the key of the question: milliseconds since 1970; null: it never did. */
export type AskedAt = ReadonlyMap<string, { readonly askedAt: number | null }>

/** Until when a branch that was told that there is nothing has that asked again (`try_for`); `now`: no more, it is held. */
export const asksUntil = ({ ask }: PlannedWait, asked: AskedAt, now: number): number =>
  ask.tryFor === null ? now : (asked.get(ask.key)?.askedAt ?? now) + ask.tryFor

/** Whether a person is asked instead. */
export const isGivenUp = (wait: PlannedWait, asked: AskedAt, now: number): boolean => asksUntil(wait, asked, now) <= now
