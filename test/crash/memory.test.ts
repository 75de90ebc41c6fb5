import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { expect, test } from '@jest/globals'
import { systemClock } from '../../src/base/clock.ts'
import type { AeTitle } from '../../src/dicom/ae-title.ts'
import type { SopClassUid, SopInstanceUid, TransferSyntaxUid } from '../../src/dicom/uid.ts'
import { requestAssociation } from '../../src/dimse/requestor.ts'
import { ctInstance } from '../support/data-set.ts'
import { temporaryDir } from '../support/processes.ts'
import { startReceiver } from '../support/receiving-process.ts'
import { newId } from '../support/spool-on-disk.ts'
import { BOUNDARY, relatedType } from '../support/stow-bodies.ts'

const MB = 1024 * 1024
const small = ctInstance({ sizeBytes: 100_000 })
const CONTEXT = {
  abstractSyntax: small.sopClassUid as SopClassUid,
  transferSyntaxes: [small.transferSyntaxUid as TransferSyntaxUid],
}

/** A CT whose pixel data says `megabytes`, made while it is sent. */
async function* large(megabytes: number): AsyncGenerator<Uint8Array> {
  const head = Buffer.from(small.dataSet.subarray(0, small.dataSet.indexOf(Buffer.from([0xe0, 0x7f, 0x10, 0x00])) + 12))
  head.writeUInt32LE(megabytes * MB, head.length - 4)
  yield head
  const slice = Buffer.alloc(MB, 7)
  for (let i = 0; i < megabytes; i += 1) yield slice
}

const statusLine = (pid: number, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024

test('an object of 1 GB takes no more memory than a small one', async () => {
  await using dir = await temporaryDir('memory')
  await using receiver = await startReceiver({ folder: join(dir.path, 'receiver') })
  const asked = { host: '127.0.0.1', port: receiver.port, contexts: [CONTEXT], clock: systemClock, newId }
  const titles = { callingAe: 'TEST' as AeTitle, calledAe: 'KURIR' as AeTitle }
  const outcome = await requestAssociation({ ...asked, ...titles })
  if (outcome.kind !== 'established') throw new Error(outcome.kind)
  await using association = outcome.association
  const [context] = association.contexts
  if (context === undefined) throw new Error('no context')
  const store = (megabytes: number) =>
    association.store({ context, sopInstanceUid: small.sopInstanceUid as SopInstanceUid, dataSet: large(megabytes) })
  for (let i = 0; i < 10; i += 1) expect(await store(8)).toMatchObject({ kind: 'answered', status: 0 })
  const before = statusLine(receiver.pid, 'VmRSS')
  expect(await store(1024)).toMatchObject({ kind: 'answered', status: 0 })
  expect(statusLine(receiver.pid, 'VmHWM') - before).toBeLessThan(100 * MB)
  const { bytes, fileFlushes } = await receiver.stop()
  expect(bytes).toBeGreaterThan(1024 * MB)
  expect(fileFlushes).toBeGreaterThanOrEqual(10 + 16)
}, 120_000)

test('a part of 512 MB in a STOW-RS body takes no more memory than a small one', async () => {
  await using dir = await temporaryDir('memory-stow')
  await using receiver = await startReceiver({ folder: join(dir.path, 'receiver') })
  const body = async function* (megabytes: number): AsyncGenerator<Uint8Array> {
    yield Buffer.from(`--${BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n`)
    yield small.file.subarray(0, small.file.length - small.dataSet.length)
    yield* large(megabytes)
    yield Buffer.from(`\r\n--${BOUNDARY}--\r\n`)
  }
  const store = async (megabytes: number): Promise<number | undefined> => {
    const asked = request({
      host: '127.0.0.1',
      port: receiver.httpPort,
      method: 'POST',
      path: '/studies',
      headers: relatedType(),
    })
    const answered = once(asked, 'response')
    await pipeline(body(megabytes), asked)
    const [response] = await answered
    response.resume()
    await once(response, 'end')
    return response.statusCode
  }
  for (let i = 0; i < 10; i += 1) expect(await store(8)).toBe(200)
  const before = statusLine(receiver.pid, 'VmRSS')
  expect(await store(512)).toBe(200)
  expect(statusLine(receiver.pid, 'VmHWM') - before).toBeLessThan(100 * MB)
  expect((await receiver.stop()).bytes).toBeGreaterThan(512 * MB)
}, 120_000)
