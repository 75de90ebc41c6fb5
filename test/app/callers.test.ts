import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { systemClock } from '../../src/base/clock.ts'
import { idsFrom } from '../../src/base/id.ts'
import type { AeTitle } from '../../src/dicom/ae-title.ts'
import type { SopClassUid, TransferSyntaxUid } from '../../src/dicom/uid.ts'
import { requestAssociation } from '../../src/dimse/requestor.ts'
import { type RunningApp, siteFolders, startApp } from '../support/app-in-process.ts'

const RULES = `version: 1
callers:
  ct: { ae: CT_ONE, from: 127.0.0.0/8, accept: [ImplicitVRLittleEndian] }
  elsewhere: { ae: CT_TWO, from: 10.0.0.0/8 }
rules: [ { name: nothing, discard: as the test says } ]
`

let stack: AsyncDisposableStack
let kurir: RunningApp

beforeEach(async () => {
  stack = new AsyncDisposableStack()
})
afterEach(async () => await stack.disposeAsync())

async function start(environment: Record<string, string> = {}): Promise<void> {
  const folders = stack.use(await siteFolders(RULES, environment))
  kurir = stack.use(await startApp(folders))
}

/** Whether we were let in: the transfer syntaxes agreed on, or result, source and reason of the rejection. */
async function call(callingAe: string, calledAe = 'KURIR'): Promise<readonly string[] | string> {
  const outcome = await requestAssociation({
    host: '127.0.0.1',
    port: kurir.dicomPort,
    callingAe: callingAe as AeTitle,
    calledAe: calledAe as AeTitle,
    contexts: [
      {
        abstractSyntax: '1.2.840.10008.5.1.4.1.1.2' as SopClassUid,
        transferSyntaxes: ['1.2.840.10008.1.2.1', '1.2.840.10008.1.2'] as TransferSyntaxUid[],
      },
    ],
    clock: systemClock,
    newId: idsFrom(systemClock),
  })
  switch (outcome.kind) {
    case 'established': {
      await using association = outcome.association
      return association.contexts.map((context) => context.transferSyntax)
    }
    case 'rejected':
      return `${outcome.result} ${outcome.source} ${outcome.reason}`
    default:
      return outcome.kind
  }
}

test('a caller of the rules comes in and is answered in the syntax the rules prefer', async () => {
  await start()
  expect(await call('CT_ONE')).toEqual(['1.2.840.10008.1.2'])
})

test('others are refused by the title that is wrong, and the log says how to admit them', async () => {
  await start()
  expect(await call('CT_ONE', 'SOMEBODY')).toBe('1 1 7')
  expect(await call('CT_TWO')).toBe('1 1 3')
  expect(await call('MR_ONE')).toBe('1 1 3')
  const reasons = kurir.log.lines.filter(({ event }) => event === 'caller-refused').map(({ fields }) => fields.reason)
  expect(reasons).toEqual([
    'the called AE title is not ours',
    'this AE title may not call from this address; to admit it, add under callers: ct_two: { ae: "CT_TWO", from: "127.0.0.1/32" }',
    'no caller of this AE title; to admit it, add under callers: mr_one: { ae: "MR_ONE", from: "127.0.0.1/32" }',
  ])
  expect(kurir.log.lines.filter(({ event }) => event === 'association-refused')).toHaveLength(3)
})

test('any called title is ours where the settings say so', async () => {
  await start({ KURIR_ACCEPT_ANY_CALLED_AE: 'true' })
  expect(await call('CT_ONE', 'SOMEBODY')).toEqual(['1.2.840.10008.1.2'])
})
