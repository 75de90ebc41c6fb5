import { hash } from 'node:crypto'
import { type Instant, instant, ms } from '../../src/base/clock.ts'
import { idsFrom } from '../../src/base/id.ts'
import type { InstanceId } from '../../src/ledger/ids.ts'
import type { Admission, AttemptRecord, NewObligation } from '../../src/ledger/ledger.ts'
import type { Reception } from '../../src/ledger/records.ts'

export const START: Instant = instant(Date.UTC(2026, 10, 21))

/** Ids as the spool makes them, rising with every call. */
export const newInstanceId: () => InstanceId = (() => {
  const make = idsFrom({ now: () => START })
  return () => make() as InstanceId
})()

export interface AdmissionParts {
  readonly id?: InstanceId
  readonly uid?: string
  readonly study?: string | null
  readonly bytes?: string
  readonly callingAe?: string
  readonly at?: Instant
  readonly unreadable?: string
  readonly modality?: string
  readonly accession?: string
}

/** One admission as a door would make it; what is not said is made up. */
export function admission(parts: AdmissionParts = {}): Admission {
  const id = parts.id ?? newInstanceId()
  const uid = parts.uid ?? `2.25.${BigInt(`0x${id.replaceAll('-', '')}`)}`
  const reception: Reception = {
    at: parts.at ?? START,
    door: 'DIMSE',
    callingAe: parts.callingAe ?? 'CT1',
    calledAe: 'KURIR',
    peer: '127.0.0.1',
    associationId: 'a1',
  }
  return {
    id,
    blob: { store: 'disk', node: 'n1', key: `b/${id}`, length: 524_288, sha256: hash('sha256', parts.bytes ?? id) },
    reception,
    identity: {
      sopClassUid: '1.2.840.10008.5.1.4.1.1.2',
      sopInstanceUid: uid,
      transferSyntaxUid: '1.2.840.10008.1.2.1',
      studyInstanceUid: parts.study === undefined ? '2.25.1' : parts.study,
      seriesInstanceUid: '2.25.2',
      accessionNumber: parts.accession ?? 'ACC1',
      patientId: 'P1',
      patientName: 'Canary^Patient',
      modality: parts.modality ?? 'CT',
    },
    header: new Uint8Array([1, 2, 3]),
    unreadable: parts.unreadable ?? null,
  }
}

/** What a rule that forwards makes us owe. */
export function forward(
  destination: string,
  parts: Partial<Extract<NewObligation, { readonly kind: 'DELIVER' }>> = {},
): NewObligation {
  return {
    kind: 'DELIVER',
    destination,
    rules: [{ name: 'to-archive', file: 'routes.yaml', line: 3, rulesetDigest: 'r1' }],
    edits: [],
    changes: [],
    editVersion: 1,
    outgoingUid: '2.25.99',
    urgent: false,
    held: null,
    ...parts,
  }
}

/** One try as a sender would record it. */
export const tried = (outcome: AttemptRecord['outcome']): AttemptRecord => {
  return { startedAt: START, took: ms(12), outcome, status: null, reason: null }
}
