import type { Instant } from '../base/clock.ts'
import { KurirError } from '../base/failure.ts'
import type { Log } from '../base/log.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { DueStudy, OpenRound, RoundMember, RoundPart } from '../ledger/rounds.ts'
import { isRefusedForEver } from '../queue/refused.ts'
import type { Ruleset } from '../rules/ruleset.ts'
import { decideRound } from './deciding-rounds.ts'
import type { DueWorkOf } from './due-work.ts'
import type { OpenAssociations } from './open-associations.ts'
import { heldRound, partsOf } from './round-parts.ts'

export interface StudyMomentsDeps {
  readonly ledger: Pick<
    Ledger,
    'dueStudies' | 'nextStudyAt' | 'studiesStirred' | 'openRound' | 'openRounds' | 'roundMembers' | 'planRound'
  > &
    Pick<Ledger, 'answers' | 'now'>
  readonly ruleset: () => Ruleset
  /** One that was in force before; undefined when it is not kept or does not compile any more. */
  readonly kept: (digest: string) => Promise<Ruleset | undefined>
  /**
   * Told when a round is finished that new rules may have found half written, or that others than they have decided: what it
   * and its members wait or are held for is theirs to decide again.
   */
  readonly sweepAgain: () => void
  readonly associations: Pick<OpenAssociations, 'isOpen'>
  readonly log: Log
}

const STUDIES_AT_ONCE = 16
/** Headers read at once. */
const SLICE = 200

/** Sees to it that each study's moment comes, freezes its members, and decides its rounds one after the other. */
export class StudyMoments implements DueWorkOf {
  readonly topic = 'study'
  readonly #deps: StudyMomentsDeps

  constructor(deps: StudyMomentsDeps) {
    this.#deps = deps
  }

  nextAt(): Promise<Instant | undefined> {
    return this.#deps.ledger.nextStudyAt()
  }

  async work(signal: AbortSignal): Promise<boolean> {
    const { ledger } = this.#deps
    const due = await ledger.dueStudies(STUDIES_AT_ONCE)
    for (const study of due) await this.#open(study)
    const rounds = await ledger.openRounds(STUDIES_AT_ONCE)
    for (const round of rounds) {
      if (signal.aborted) return false
      await this.#plan(round, signal)
    }
    return due.length + rounds.length > 0
  }

  /** Its association may bring more of it: the quiet has not begun. */
  async #open({ studyInstanceUid, settledBy }: DueStudy): Promise<void> {
    const { ledger, associations, ruleset } = this.#deps
    if (settledBy === 'quiet' && associations.isOpen(studyInstanceUid)) {
      await ledger.studiesStirred([studyInstanceUid], ruleset().study.options)
    } else {
      await ledger.openRound(studyInstanceUid, settledBy)
    }
  }

  async #plan(round: OpenRound, signal: AbortSignal): Promise<void> {
    const { log } = this.#deps
    const ruleset = await this.#rulesetOf(round)
    const members = await this.#members(round)
    const parts = await this.#parts(round, members, ruleset, signal)
    const written = this.#write(parts, signal).catch((error) => {
      // What the ledger refuses is a mistake of ours as well: a person looks, and the other rounds go on.
      if (!isRefusedForEver(error)) throw error
      log.error('round-not-planned', { ruleset: ruleset.digest, code: 'internal' })
      return this.#write(heldRound(round, members, ruleset), signal)
    })
    if (!(await written)) return
    log.info('study-moment-decided', { count: members.length, reason: round.settledBy, ruleset: ruleset.digest })
    const stoodHalfWritten = parts.length > 1 || round.begunBy !== null
    if (stoodHalfWritten || ruleset.digest !== this.#deps.ruleset().digest) this.#deps.sweepAgain()
  }

  /** Resolves with whether all of it is on record. */
  async #write(parts: readonly RoundPart[], signal: AbortSignal): Promise<boolean> {
    const { ledger, log } = this.#deps
    for (const part of parts) {
      if (signal.aborted) return false
      if ((await ledger.planRound(part)) === 'planned') continue
      // Something of it changed meanwhile: it is still open, and decided again.
      log.info('round-superseded', { count: part.members.length })
      return false
    }
    return parts.length > 0
  }

  /** A round's decision is one ruleset's (wall W9), though a crash and new rules came between two of its parts. */
  async #rulesetOf({ begunBy }: OpenRound): Promise<Ruleset> {
    const { ruleset, kept, log } = this.#deps
    const inForce = ruleset()
    if (begunBy === null || begunBy === inForce.digest) return inForce
    const begun = await kept(begunBy)
    // Rather finished by others than never.
    if (begun === undefined) log.warn('round-rules-gone', { ruleset: begunBy })
    return begun ?? inForce
  }

  async #parts(round: OpenRound, members: readonly RoundMember[], ruleset: Ruleset, signal: AbortSignal) {
    try {
      const decided = await decideRound(round, members, ruleset, this.#deps.ledger, signal)
      return partsOf(round, members, ruleset, { ...decided, now: this.#deps.ledger.now() })
    } catch (error) {
      if (signal.aborted) return []
      // A rule that throws is a mistake of ours: a person looks, and it can be decided again.
      const code = error instanceof KurirError ? error.code : 'internal'
      this.#deps.log.error('round-not-planned', { ruleset: ruleset.digest, code })
      return heldRound(round, members, ruleset)
    }
  }

  /** Packed headers stay packed: a kilobyte each, unpacked one at a time while deciding. */
  async #members({ id }: OpenRound): Promise<readonly RoundMember[]> {
    const members: RoundMember[] = []
    for (;;) {
      const slice = await this.#deps.ledger.roundMembers(id, SLICE, members.at(-1)?.id)
      members.push(...slice)
      if (slice.length < SLICE) return members
    }
  }
}
