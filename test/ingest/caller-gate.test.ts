import { expect, test } from '@jest/globals'
import { KurirError } from '../../src/base/failure.ts'
import { silentLog } from '../../src/base/log.ts'
import type { AeTitle } from '../../src/dicom/ae-title.ts'
import type { TransferSyntaxUid } from '../../src/dicom/uid.ts'
import type { AssociationProposal } from '../../src/dimse/admission.ts'
import { REJECT } from '../../src/dimse/pdu.ts'
import { CallerGate } from '../../src/ingest/caller-gate.ts'
import { type Caller, judgeCaller } from '../../src/rules/caller.ts'
import { parseCidr } from '../../src/rules/cidr.ts'

const ct: Caller = {
  name: 'ct',
  file: 'callers.yaml',
  line: 3,
  ae: 'CT_ONE' as AeTitle,
  from: [parseCidr('10.20.0.0/16') ?? []].flat(),
  defaultCharset: undefined,
  onChanged: 'refuse',
  accept: ['1.2.840.10008.1.2.1' as TransferSyntaxUid],
  http: [],
  expect: undefined,
  reportTo: undefined,
}

const proposal = (callingAe: string, calledAe = 'KURIR', peer = '10.20.3.4'): AssociationProposal => ({
  callingAe: callingAe as AeTitle,
  calledAe: calledAe as AeTitle,
  peer,
  contexts: [],
})

function gateFor(callers: readonly Caller[] | undefined, fails = false) {
  const remembered: (readonly string[])[] = []
  const ledger = {
    callerRefused: async (...refusal: readonly string[]) => {
      remembered.push(refusal)
      if (fails) throw new KurirError('ledger-closed', 'transient', 'the ledger is closed')
    },
  }
  const calledTitles = ['KURIR' as AeTitle]
  const gate = new CallerGate({ judge: (facts) => judgeCaller(callers, facts), calledTitles, ledger, log: silentLog })
  return { gate, remembered }
}

test('a declared caller comes in, and is answered in the syntaxes it is to send', () => {
  const { gate, remembered } = gateFor([ct])
  expect(gate.admit(proposal('CT_ONE'))).toEqual({ kind: 'accept', prefer: ['1.2.840.10008.1.2.1'] })
  expect(gate.onChanged({ callingAe: 'CT_ONE', calledAe: 'KURIR', peer: '10.20.3.4' })).toBe('refuse')
  expect(remembered).toEqual([])
})

test('an unknown title and a known one from elsewhere are refused by title, and remembered', () => {
  const { gate, remembered } = gateFor([ct])
  expect(gate.admit(proposal('MR_TWO'))).toEqual({ kind: 'reject', ...REJECT.callingAe })
  expect(gate.admit(proposal('CT_ONE', 'KURIR', '10.99.0.1'))).toEqual({ kind: 'reject', ...REJECT.callingAe })
  expect(remembered.map(([ae, called, peer]) => [ae, called, peer])).toEqual([
    ['MR_TWO', 'KURIR', '10.20.3.4'],
    ['CT_ONE', 'KURIR', '10.99.0.1'],
  ])
})

test('another called title is refused as such', () => {
  const { gate, remembered } = gateFor([ct])
  expect(gate.admit(proposal('CT_ONE', 'SOMEBODY'))).toEqual({ kind: 'reject', ...REJECT.calledAe })
  expect(remembered).toHaveLength(1)
})

test('while no callers are declared, only this machine comes in', () => {
  const { gate } = gateFor(undefined)
  expect(gate.admit(proposal('ANY', 'KURIR', '127.0.0.1'))).toEqual({ kind: 'accept' })
  expect(gate.admit(proposal('ANY', 'KURIR', '10.20.3.4')).kind).toBe('reject')
  expect(gate.onChanged({ callingAe: 'ANY', calledAe: 'KURIR', peer: '127.0.0.1' })).toBe('keep')
})

test('a flood of refusals is refused, and no more than a few are waiting to be written down', async () => {
  const { gate, remembered } = gateFor([ct], true)
  for (let i = 0; i < 1_000; i += 1) expect(gate.admit(proposal(`X${i}`)).kind).toBe('reject')
  expect(remembered.length).toBeLessThanOrEqual(32)
  await new Promise((resolve) => setImmediate(resolve))
  gate.admit(proposal('AGAIN'))
  expect(remembered.at(-1)?.[0]).toBe('AGAIN')
})
