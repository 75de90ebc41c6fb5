import { instant, ms, systemClock } from '../../src/base/clock.ts'
import { idsFrom } from '../../src/base/id.ts'
import { packHeader } from '../../src/dicom/header-pack.ts'
import { transferSyntaxOf } from '../../src/dicom/transfer-syntax.ts'
import type { DeliveryId, InstanceId } from '../../src/ledger/ids.ts'
import type { Admission, Ledger, NewObligation, Settlement } from '../../src/ledger/ledger.ts'
import type { MomentPolicy } from '../../src/ledger/records.ts'
import type { RulesetRow } from '../../src/ledger/views.ts'
import { headerOf } from '../dicom/slices.ts'
import { ctInstance } from '../support/data-set.ts'

const newId = idsFrom(systemClock)

export const RULESET: RulesetRow = {
  digest: 'd1'.repeat(32),
  loadedAt: instant(Date.UTC(2026, 10, 21)),
  by: 'start',
  files: ['00-first.yaml'],
  summary: {
    rules: [
      {
        name: 'everything',
        file: '00-first.yaml',
        line: 3,
        moment: 'INSTANCE',
        destinations: ['ARCHIVE', 'outbox'],
      },
    ],
    tests: { passed: 2, untestedRules: [] },
  },
  pin: null,
}

export const RULE = { name: 'everything', file: '00-first.yaml', line: 3, rulesetDigest: RULESET.digest }

/** The canary: whoever reads these outside a field marked `@phi` has found a leak. */
export const PATIENT = { name: 'CANARY^PATIENT', id: 'CANARY-4711', accession: 'CANARY.ACC.1', birth: 'CANARY-1970' }

export function admission(study: string, number: number, changes: Partial<Admission> = {}): Admission {
  return {
    id: newId() as InstanceId,
    blob: {
      store: 'disk',
      node: 'n1',
      key: newId(),
      length: 524_288,
      sha256: newId().replaceAll('-', '').padEnd(64, '0'),
    },
    reception: {
      at: instant(Date.now()),
      door: 'DIMSE',
      callingAe: 'CT01',
      calledAe: 'KURIR',
      peer: '10.0.0.9',
      associationId: null,
    },
    identity: {
      sopClassUid: '1.2.840.10008.5.1.4.1.1.2',
      sopInstanceUid: `${study}.${number}`,
      transferSyntaxUid: '1.2.840.10008.1.2.1',
      studyInstanceUid: study,
      seriesInstanceUid: `${study}.0`,
      accessionNumber: PATIENT.accession,
      patientId: PATIENT.id,
      patientName: PATIENT.name,
      modality: 'CT',
    },
    header: new Uint8Array([1, 2, 3]),
    unreadable: null,
    ...changes,
  }
}

export async function admit(ledger: Ledger, study: string, count: number): Promise<readonly InstanceId[]> {
  const admissions = Array.from({ length: count }, (_, index) => admission(study, index + 1))
  return (await ledger.admit(admissions)).map(({ id }) => id)
}

/** Decides that each goes to these destinations, with one change on the way. */
export async function plan(ledger: Ledger, destinations: readonly string[]): Promise<readonly DeliveryId[]> {
  const waiting = await ledger.unplanned(200)
  const outcomes = await ledger.plan(
    waiting.map(({ id, version, identity }) => ({
      instance: id,
      expectedVersion: version,
      rulesetDigest: RULESET.digest,
      obligations: destinations.map((destination) => ({
        kind: 'DELIVER' as const,
        destination,
        rules: [RULE],
        edits: [],
        changes: [
          { tag: '(0010,0030)', keyword: 'PatientBirthDate', verb: 'set', before: PATIENT.birth, after: PATIENT.birth },
        ],
        editVersion: 1,
        outgoingUid: identity.sopInstanceUid,
        urgent: false,
        held: null,
      })),
    })),
  )
  return outcomes.flatMap((outcome) => (outcome.kind === 'planned' ? outcome.deliveries : []))
}

/** Tries everything that is due there once, with this end. */
export async function attempt(
  ledger: Ledger,
  destination: string,
  state: Settlement['state'],
  attemptOutcome: Settlement['attempt']['outcome'],
): Promise<void> {
  const claimed = await ledger.claim(destination, 200, 'test', ms(60_000))
  await ledger.settle(
    claimed.map(({ id, token }) => ({
      delivery: id,
      token,
      attempt: {
        startedAt: instant(Date.now()),
        took: ms(12),
        outcome: attemptOutcome,
        status: state === 'DELIVERED' ? '0x0000' : '0xA700',
        reason: state === 'DELIVERED' ? null : 'out-of-resources',
      },
      state,
      nextAttemptAt: state === 'READY' ? instant(Date.now() + 3_600_000) : null,
      reason: state === 'DELIVERED' ? null : 'out-of-resources',
      sentSha256: 'a'.repeat(64),
    })),
  )
}

/** An admission whose header can be read. */
export async function readableAdmission(study: string, number: number): Promise<Admission> {
  const made = ctInstance({ sizeBytes: 1_024, patientName: PATIENT.name, patientId: PATIENT.id })
  const header = packHeader(await headerOf(made.dataSet, transferSyntaxOf(made.transferSyntaxUid)))
  return admission(study, number, { header })
}

/** Decides what is undecided, all of it the same way. */
export async function decideAll(
  ledger: Ledger,
  obligations: readonly NewObligation[],
  moment?: MomentPolicy,
): Promise<void> {
  const waiting = await ledger.unplanned(200)
  await ledger.plan(
    waiting.map(({ id, version }) => ({
      instance: id,
      expectedVersion: version,
      rulesetDigest: RULESET.digest,
      obligations,
      ...(moment === undefined ? {} : { moment }),
    })),
  )
}

export const MOMENT = { quiet: ms(90_000), longest: ms(1_800_000) }

/** What a rule's `hold` asks for. */
export const HOLD: NewObligation = { kind: 'HOLD', rule: RULE, reason: 'a person looks', releasable: true }

/** The moment of a study with one instance has come: it goes to ARCHIVE, and `his` is told afterwards. */
export async function tellHis(ledger: Ledger, study: string): Promise<void> {
  const [instance] = await admit(ledger, study, 1)
  const waits: NewObligation = { kind: 'WAIT', rule: null, reason: 'study', question: null, until: null }
  await decideAll(ledger, [waits], MOMENT)
  const opened = await ledger.openRound(study, 'operator')
  if (opened.kind !== 'opened' || instance === undefined) throw new Error(opened.kind)
  const notice = { service: 'his', call: 'arrived', arguments: { accession: PATIENT.accession }, rule: RULE }
  const change = { tag: '(0010,0030)', keyword: 'PatientBirthDate', verb: 'set', before: null, after: PATIENT.birth }
  const deliver: NewObligation = {
    kind: 'DELIVER',
    destination: 'ARCHIVE',
    rules: [RULE],
    edits: [],
    changes: [change],
    editVersion: 1,
    outgoingUid: `${study}.1`,
    urgent: false,
    held: null,
  }
  await ledger.planRound({
    round: opened.round.id,
    expectedVersion: opened.round.version,
    rulesetDigest: RULESET.digest,
    members: [{ instance, obligations: [deliver], again: false }],
    last: { notices: [{ ...notice, after: ['ARCHIVE'] }], waits: false },
    given: {},
    rests: [],
  })
}
