import type { Instant } from '../base/clock.ts'
import type { NewObligation } from '../ledger/deciding.ts'
import type { NewNotice, OpenRound, RoundMember, RoundPart } from '../ledger/rounds.ts'
import type { Ruleset } from '../rules/ruleset.ts'
import type { PlannedNotify } from '../rules/study-decision.ts'
import type { DecidedRound } from './deciding-rounds.ts'
import { deliveryOf } from './obligations.ts'
import { holdOf, restsOf, waitForAnswer, waitOrHold } from './waits.ts'

/** Written together: a study of thousands keeps nobody waiting for long. */
const MEMBERS_AT_ONCE = 64

/** A study's decision as it is handed to the ledger, part by part; the last one closes the round. */
export function partsOf(
  round: OpenRound,
  members: readonly RoundMember[],
  ruleset: Ruleset,
  { decision, kept, now }: DecidedRound & { readonly now: Instant },
): readonly RoundPart[] {
  const owed = new Map<string, NewObligation[]>()
  const owe = (member: string, ...obligations: readonly NewObligation[]): void => {
    const before = owed.get(member)
    if (before === undefined) owed.set(member, [...obligations])
    else before.push(...obligations)
  }
  for (const { destination, members: sent } of decision.forwards) {
    for (const { member, ...forward } of sent) owe(member, deliveryOf(ruleset, destination, forward))
  }
  for (const hold of decision.holds) for (const member of hold.members) owe(member, holdOf(ruleset, hold))
  for (const { rule, reason, members: discarded } of decision.discards) {
    for (const member of discarded) owe(member, { kind: 'DISCARD', rule, reason })
  }
  const waits = [
    ...decision.asks.map((ask) => waitForAnswer(ruleset, ask, now)),
    ...decision.waits.map((wait) => waitOrHold(ruleset, wait, kept, now)),
  ]
  if (waits.length > 0) for (const member of whoWaits(members, owed)) owe(member, ...waits)

  const given = Object.fromEntries(decision.forwards.map((forward) => [forward.destination, forward.with]))
  const rests = restsOf(decision.asked, kept)
  const notices = decision.notifies.map((notify) => noticeOf(notify, ruleset))
  const last = { notices, waits: waits.some(({ kind }) => kind === 'WAIT') }
  return inParts(round, members, ruleset, last, (id) => owed.get(id) ?? []).map((part) => ({ ...part, given, rests }))
}

/** One stands for the study; whatever nothing else accounts for waits under its own name (wall W6). */
function whoWaits(members: readonly RoundMember[], owed: ReadonlyMap<string, unknown>): readonly string[] {
  const lead = members.find((member) => member.isNew) ?? members[0]
  return members
    .filter((member) => member === lead || (member.isNew && !member.isWanted && !owed.has(member.id)))
    .map((member) => member.id)
}

/** Unsaid, a service is told when everything that goes to an archive or a folder is there; SATUSEHAT is not waited for. */
function noticeOf({ service, call, arguments: given, after, rule }: PlannedNotify, ruleset: Ruleset): NewNotice {
  const names = after === 'received' ? [] : (after ?? archivesOf(ruleset))
  return { service, call, arguments: given, after: names, rule }
}

const WAITED_FOR: ReadonlySet<string> = new Set(['dimse', 'stow', 'folder', 'not-configured'])
const archivesOf = ({ destinations }: Ruleset): readonly string[] =>
  [...destinations].flatMap(([name, { destination }]) => (WAITED_FOR.has(destination.reach.kind) ? [name] : []))

/** A round that a mistake of ours left undecided. */
export function heldRound(round: OpenRound, members: readonly RoundMember[], ruleset: Ruleset): readonly RoundPart[] {
  const hold: NewObligation = { kind: 'HOLD', rule: null, reason: 'internal' }
  const newOnes = new Set(members.flatMap(({ id, isNew }) => (isNew ? [id] : [])))
  const owes = (id: RoundMember['id']) => (newOnes.has(id) ? [hold] : [])
  return inParts(round, members, ruleset, { notices: [], waits: false }, owes)
}

function inParts(
  { id, version }: OpenRound,
  members: readonly RoundMember[],
  ruleset: Ruleset,
  last: NonNullable<RoundPart['last']>,
  owes: (member: RoundMember['id']) => readonly NewObligation[],
): readonly RoundPart[] {
  const common = { round: id, expectedVersion: version, rulesetDigest: ruleset.digest, given: {}, rests: [] }
  const count = Math.max(1, Math.ceil(members.length / MEMBERS_AT_ONCE))
  return Array.from({ length: count }, (_, index) => ({
    ...common,
    members: members
      .slice(index * MEMBERS_AT_ONCE, (index + 1) * MEMBERS_AT_ONCE)
      .map((member) => ({ instance: member.id, obligations: owes(member.id), again: !member.isNew })),
    last: index === count - 1 ? last : null,
  }))
}
