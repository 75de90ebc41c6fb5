// A ledger with a past: many small headers, admitted and decided in batches, without a socket or a blob.
import { hash } from 'node:crypto'
import { type Instant, instant } from '../../src/base/clock.ts'
import { idsFrom } from '../../src/base/id.ts'
import type { SopClassUid, SopInstanceUid, TransferSyntaxUid } from '../../src/dicom/uid.ts'
import type { InstanceId } from '../../src/ledger/ids.ts'
import type { Admission, Ledger } from '../../src/ledger/ledger.ts'
import { planEntryOf } from '../../src/plan/obligations.ts'
import type { Ruleset } from '../../src/rules/ruleset.ts'
import { HeaderReading } from '../../src/spool/header-reading.ts'
import { ctInstance } from './data-set.ts'

export interface Past {
  readonly instances: number
  /** Instances of one study. */
  readonly perStudy: number
  /** When the last one came; the others a second before each other. */
  readonly endsAt: Instant
  /** What decided; undefined: nothing has. */
  readonly ruleset?: Ruleset
}

const BATCH = 500
/** Headers differ by patient; as many as these, over and over. */
const PATIENTS = 100

/** Fills the ledger; the calling AEs are CT0 to CT3, the patients P0 to P99, every tenth of them QA0, QA10 … */
export async function fillPast(ledger: Ledger, past: Past): Promise<void> {
  const headers = await Promise.all(Array.from({ length: PATIENTS }, (_, patient) => headerOf(patient)))
  const newId = idsFrom({ now: () => past.endsAt })
  for (let first = 0; first < past.instances; first += BATCH) {
    const numbers = Array.from({ length: Math.min(BATCH, past.instances - first) }, (_, index) => first + index)
    const admissions = numbers.map((number): Admission => {
      const study = Math.floor(number / past.perStudy)
      const facts = headers[study % PATIENTS] as (typeof headers)[number]
      const studyInstanceUid = `2.25.77.${study}`
      return {
        id: newId() as InstanceId,
        blob: { store: 'disk', node: 'n1', key: `p/${number}`, length: 1, sha256: hash('sha256', String(number)) },
        reception: {
          at: instant(past.endsAt - (past.instances - number) * 1_000),
          door: 'DIMSE',
          callingAe: `CT${study % 4}`,
          calledAe: 'KURIR',
          peer: '127.0.0.1',
          associationId: null,
        },
        identity: { ...facts.identity, studyInstanceUid, sopInstanceUid: `${studyInstanceUid}.${number}` },
        header: facts.pack(),
        unreadable: null,
      }
    })
    await ledger.admit(admissions)
    if (past.ruleset !== undefined) await planAll(ledger, past.ruleset)
  }
}

async function planAll(ledger: Ledger, ruleset: Ruleset): Promise<void> {
  for (;;) {
    const waiting = await ledger.unplanned(BATCH)
    if (waiting.length === 0) return
    await ledger.plan(waiting.map((instance) => planEntryOf(instance, ruleset)))
  }
}

async function headerOf(patient: number) {
  const patientId = `${patient % 10 === 0 ? 'QA' : 'P'}${patient}`
  const made = ctInstance({ patientId, patientName: `Example^Number ${patient}`, sizeBytes: 1024 })
  const reading = new HeaderReading({
    sopClassUid: made.sopClassUid as SopClassUid,
    sopInstanceUid: made.sopInstanceUid as SopInstanceUid,
    transferSyntaxUid: made.transferSyntaxUid as TransferSyntaxUid,
  })
  reading.push(made.dataSet)
  return await reading.finish()
}
