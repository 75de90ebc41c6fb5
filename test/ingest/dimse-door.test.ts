import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { systemClock } from '../../src/base/clock.ts'
import { type FailureCode, KurirError } from '../../src/base/failure.ts'
import { type Log, type LogFields, silentLog } from '../../src/base/log.ts'
import type { Sink } from '../../src/base/sink.ts'
import type { AeTitle } from '../../src/dicom/ae-title.ts'
import type { SopClassUid, SopInstanceUid, TransferSyntaxUid } from '../../src/dicom/uid.ts'
import type { StoreHandler, StoreRequest } from '../../src/dimse/handler.ts'
import { createDimseServer } from '../../src/dimse/server.ts'
import { createDimseDoor } from '../../src/ingest/dimse-door.ts'
import type { InstanceId } from '../../src/ledger/ids.ts'
import type { Taken } from '../../src/spool/admission.ts'
import type { Arrival } from '../../src/spool/arrival.ts'
import { corpusFiles, testWithCorpus } from '../support/corpus.ts'
import { dataSetDigests } from '../support/data-set-bytes.ts'
import { describeWithPeers } from '../support/peers.ts'
import { quickPeerEnv, startStorescp, temporaryDir } from '../support/processes.ts'
import { newId, openShelf } from '../support/spool-on-disk.ts'

const CT = '1.2.840.10008.5.1.4.1.1.2' as SopClassUid

const request = (affectedSopClassUid: string = CT): StoreRequest => {
  const context = { id: 1, abstractSyntax: CT, transferSyntax: '1.2.840.10008.1.2' as TransferSyntaxUid }
  return {
    association: {
      id: 'a-1',
      callingAe: 'CT_ONE' as AeTitle,
      calledAe: 'KURIR' as AeTitle,
      peer: '10.0.0.7',
      contexts: [context],
      peerMaxPduLength: 16_384,
    },
    context,
    messageId: 1,
    affectedSopClassUid,
    affectedSopInstanceUid: '1.2.3' as SopInstanceUid,
    priority: 0,
  }
}

const kept: Taken = {
  outcome: 'kept',
  id: 'i' as InstanceId,
  bytes: 3,
  unreadable: null,
  earlier: null,
  studyInstanceUid: null,
  seriesInstanceUid: null,
}
const failure = (code: FailureCode) => new KurirError(code, 'transient', 'something with no patient in it')

/** A spool that does as told, and says what it was asked. */
function fakeSpool(steps: { begin?: KurirError; write?: KurirError; end?: KurirError | Taken }) {
  const arrivals: Arrival[] = []
  let aborted = 0
  const sink: Sink<Taken> = {
    write: () => (steps.write === undefined ? undefined : Promise.reject(steps.write)),
    end: async () => {
      if (steps.end instanceof KurirError) throw steps.end
      return steps.end ?? kept
    },
    abort: async () => {
      aborted += 1
    },
  }
  const begin = async (arrival: Arrival) => {
    arrivals.push(arrival)
    if (steps.begin !== undefined) throw steps.begin
    return sink
  }
  return { begin, arrivals, aborted: () => aborted }
}

/** What a C-STORE of three bytes is answered with. */
async function statusOf(door: StoreHandler): Promise<number> {
  const opened = await door.open(request())
  if ('status' in opened) return opened.status
  await opened.write(Buffer.from('abc'))
  await opened.write(Buffer.from('def'))
  return (await opened.end()).status
}

const doorOver = (spool: ReturnType<typeof fakeSpool>, log: Log = silentLog): StoreHandler =>
  createDimseDoor({ spool, clock: systemClock, log })

test.each([
  ['it was taken', {}, 0x0000],
  ['other bytes are here and were not to be', { end: { ...kept, outcome: 'refused' as const } }, 0x0111],
  ['there is too little room', { begin: failure('disk-full') }, 0xa700],
  ['too many files are open', { begin: failure('out-of-resources') }, 0xa700],
  ['the disk runs full in the middle', { write: failure('disk-full') }, 0xa700],
  ['the disk fails in the middle', { write: failure('disk-io') }, 0xa700],
  ['its flush fails', { end: failure('disk-io') }, 0xa700],
  ['the ledger is closed', { end: failure('ledger-closed') }, 0x0110],
  ['we are at fault', { begin: failure('internal') }, 0x0110],
])('when %s the answer is as PS3.4 B.2.3 has it', async (_, steps, status) => {
  expect(await statusOf(doorOver(fakeSpool(steps)))).toBe(status)
})

test('an object that fails in the middle is aborted once, and what still comes is thrown away', async () => {
  const spool = fakeSpool({ write: failure('disk-full') })
  await statusOf(doorOver(spool))
  expect(spool.aborted()).toBe(1)
})

test('what is refused is told in a comment and a log line that hold nothing of the object', async () => {
  const lines: [string, LogFields | undefined][] = []
  const log: Log = { ...silentLog, warn: (event, fields) => lines.push([event, fields]) }
  const opened = await doorOver(fakeSpool({ begin: failure('disk-full') }), log).open(request())
  expect(opened).toEqual({ status: 0xa700, errorComment: 'no room in the spool' })
  const fields = { association: 'a-1', callingAe: 'CT_ONE', code: 'disk-full', status: '0xA700' }
  expect(lines).toEqual([['store-refused', fields]])
})

test('a command without a SOP class is announced under the one that was negotiated', async () => {
  const spool = fakeSpool({})
  await doorOver(spool).open(request('../../etc'))
  expect(spool.arrivals[0]?.announced.sopClassUid).toBe(CT)
  expect(spool.arrivals[0]?.onChanged).toBe('keep')
})

const sendable = ['modality', 'syntax'].flatMap((folder) => corpusFiles(folder)).map(({ path }) => path)

async function sendAll(port: number): Promise<void> {
  const args = ['-nh', '--no-uid-checks', '-dn', '127.0.0.1', String(port), ...sendable]
  await once(spawn('dcmsend', args, { stdio: 'ignore', env: quickPeerEnv }), 'exit')
}

describeWithPeers(['dcmsend', 'storescp'], 'an independent sender', () => {
  testWithCorpus(
    'has the same bytes stored here as by a storescp that preserves bits',
    async () => {
      await using dir = await temporaryDir('door')
      const theirs = join(dir.path, 'storescp')
      await mkdir(theirs)
      {
        await using peer = await startStorescp(theirs, ['--unique-filenames'])
        await sendAll(peer.port)
      }
      await using shelf = await openShelf(dir.path)
      const storage = createDimseDoor({ spool: shelf.spool, clock: systemClock, log: silentLog })
      const handlers = { stores: new Map<SopClassUid, StoreHandler>(), storage }
      await using server = createDimseServer({ clock: systemClock, newId, handlers, admit: () => ({ kind: 'accept' }) })
      await sendAll(await server.listen('127.0.0.1', 0))
      const page = await shelf.ledger.views.instances({}, { first: 200 })
      const ours = page.rows.map(({ row }) => row.blob.sha256).sort()
      expect(ours.length).toBeGreaterThan(40)
      // It knows fewer SOP classes and transfer syntaxes than may come to us.
      expect(ours).toEqual(expect.arrayContaining([...(await dataSetDigests(theirs))]))
    },
    120_000,
  )
})
