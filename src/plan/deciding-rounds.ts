import type { Ledger } from '../ledger/ledger.ts'
import type { KeptAnswer } from '../ledger/questions.ts'
import type { OpenRound, RoundMember } from '../ledger/rounds.ts'
import { decideStudyInSlices } from '../rules/decide-study.ts'
import type { Ruleset } from '../rules/ruleset.ts'
import type { StudyDecision, StudyFacts, StudyMember } from '../rules/study-decision.ts'
import { factsOf } from './facts.ts'
import { defaultCharset } from './obligations.ts'

export interface DecidedRound {
  readonly decision: StudyDecision
  readonly kept: ReadonlyMap<string, KeptAnswer>
}

/** As deep as questions lie inside each other. */
const DEEPEST = 8

/**
 * Decides a study at its moment, a few members at a time so that other work goes on, with the answers that are there.
 *
 * @throws whatever a mistake in a rule or a header throws; the signal's reason when it fires
 */
export async function decideRound(
  { settledBy }: OpenRound,
  members: readonly RoundMember[],
  ruleset: Ruleset,
  ledger: Pick<Ledger, 'answers'>,
  signal: AbortSignal,
): Promise<DecidedRound> {
  const kept = new Map<string, KeptAnswer>()
  const looked = new Set<string>()
  const facts: StudyFacts = { members: members.map((member) => memberOf(member, ruleset)), settledBy, answers: kept }
  const [first] = members
  for (let depth = 0; ; depth += 1) {
    const decision = await inSlices(decideStudyInSlices(ruleset, facts), signal)
    const keys = [...new Set(decision.asks.map(({ key }) => key))].filter((key) => !looked.has(key))
    if (keys.length === 0 || first === undefined || depth === DEEPEST) return { decision, kept }
    const answers = await ledger.answers(keys.map((key) => ({ instance: first.id, key })))
    for (const key of keys) looked.add(key)
    const found = answers.filter((answer) => answer !== undefined)
    for (const answer of found) kept.set(answer.key, answer)
    if (found.length === 0) return { decision, kept }
  }
}

/** The header is unpacked whenever it is looked at, and not kept. */
function memberOf(member: RoundMember, ruleset: Ruleset): StudyMember {
  const { id, isNew, isHeld, isWanted } = member
  return {
    id,
    isNew,
    isHeld,
    isWanted,
    get facts() {
      return factsOf(member, defaultCharset(ruleset, member))
    },
  }
}

async function inSlices<T>(slices: Generator<void, T>, signal: AbortSignal): Promise<T> {
  for (let next = slices.next(); ; next = slices.next()) {
    if (next.done === true) return next.value
    signal.throwIfAborted()
    await new Promise((resolve) => setImmediate(resolve))
  }
}
