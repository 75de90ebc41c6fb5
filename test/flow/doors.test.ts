import { readFileSync } from 'node:fs'
import { mkdir, rename, utimes, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, beforeEach, expect } from '@jest/globals'
import { systemClock } from '../../src/base/clock.ts'
import { idsFrom } from '../../src/base/id.ts'
import type { AeTitle } from '../../src/dicom/ae-title.ts'
import { findFileMeta } from '../../src/dicom/file-meta.ts'
import { requestAssociation } from '../../src/dimse/requestor.ts'
import { corpusFiles, testWithCorpus } from '../support/corpus.ts'
import { dataSetOf, sha256 } from '../support/data-set-bytes.ts'
import { ask } from '../support/graphql-client.ts'
import { ingestToken } from '../support/ingest-token.ts'
import { describeWithPeers } from '../support/peers.ts'
import type { KurirProcess } from '../support/processes.ts'
import { forwardTo, openSite } from '../support/site.ts'
import { dicomPart, related, relatedType } from '../support/stow-bodies.ts'
import { untilFile } from '../support/until-file.ts'
import { untilSettled } from '../support/until-settled.ts'

let stack: AsyncDisposableStack
beforeEach(() => {
  stack = new AsyncDisposableStack()
})
afterEach(() => stack.disposeAsync())

/** Hands files in by one door, and resolves when all of them are on record. */
type Door = (kurir: KurirProcess, files: readonly Buffer[], drop: string) => Promise<void>

const DOORS: Readonly<Record<'dimse' | 'stow' | 'folder', Door>> = {
  dimse: async (kurir, files) => {
    for (const file of files) expect(await storeOne(kurir.dicomPort, file)).toBe(0)
  },
  stow: async (kurir, files) => {
    const headers = { authorization: `Bearer ${await ingestToken(kurir)}`, ...relatedType() }
    const body = new Uint8Array(related(files.map(dicomPart)))
    const address = `http://127.0.0.1:${kurir.httpPort}/studies`
    const response = await fetch(address, { method: 'POST', headers, body })
    expect([200, 202]).toContain(response.status)
    expect(Object.keys(JSON.parse(await response.text()))).not.toContain('00081198')
  },
  folder: async (_kurir, files, drop) => {
    for (const [at, file] of files.entries()) {
      const waiting = path.join(drop, '.waiting')
      await writeFile(waiting, file)
      await utimes(waiting, 0, 1_600_000_000)
      await rename(waiting, path.join(drop, `${at}`))
    }
    for (const at of files.keys()) await untilFile(path.join(drop, 'done', `${at}`))
  },
}

/** By C-STORE on an association of its own, in the transfer syntax that it has. The status, or why there is none. */
async function storeOne(port: number, file: Buffer): Promise<number | string> {
  const found = findFileMeta(file, true)
  if (found.outcome !== 'found') throw new Error(found.outcome)
  const { sopClassUid, sopInstanceUid } = found.meta
  if (sopClassUid === undefined || sopInstanceUid === undefined) throw new Error('no UIDs in the file meta')
  const outcome = await requestAssociation({
    host: '127.0.0.1',
    port,
    callingAe: 'TESTSCU' as AeTitle,
    calledAe: 'KURIR' as AeTitle,
    contexts: [{ abstractSyntax: sopClassUid, transferSyntaxes: [found.transferSyntaxUid] }],
    clock: systemClock,
    newId: idsFrom(systemClock),
  })
  if (outcome.kind !== 'established') return outcome.kind
  await using association = outcome.association
  const [context] = association.contexts
  if (context === undefined) return 'no context'
  const stored = await association.store({ context, sopInstanceUid, dataSet: slices(dataSetOf(file)) })
  return stored.kind === 'answered' ? stored.status : stored.kind
}

async function* slices(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536)
}

/** A deflated data set of odd length gets one NUL when it is sent (PS3.5 A.5). */
const even = (dataSet: Buffer): Buffer => (dataSet.length % 2 === 0 ? dataSet : Buffer.concat([dataSet, Buffer.of(0)]))

/** The SHA-256 of every data set that an archive has behind a Kurir of its own. */
async function arrivedBy(door: keyof typeof DOORS, files: readonly Buffer[]): Promise<readonly string[]> {
  const site = stack.use(await openSite(`doors-${door}`))
  const archive = await site.archive('arrived')
  const drop = path.join(site.home, 'drop')
  await mkdir(drop)
  await site.rules(forwardTo({ archive: archive.port }))
  const kurir = await site.start({ KURIR_DROP_DIR: drop })
  await DOORS[door](kurir, files, drop)
  await untilSettled(kurir)
  // Several files of the corpus share a SOP Instance UID with other bytes: held as a conflict until a person says so.
  await ask(kurir, 'mutation { deliveriesRetry(input: { filter: { state: [HELD] }, limit: 200 }) { __typename } }')
  await untilSettled(kurir)
  return [...new Set(await archive.digests())].sort()
}

describeWithPeers(['storescp'], 'the corpus at the archive', () => {
  testWithCorpus(
    'is the same byte by byte, whether it came by C-STORE, by STOW-RS or out of a folder',
    async () => {
      const files = ['modality', 'syntax', 'charset']
        .flatMap((folder) => corpusFiles(folder))
        .map((file) => readFileSync(file.path))
        .filter((file) => {
          const found = findFileMeta(file, true)
          return found.outcome === 'found' && found.meta.sopInstanceUid !== undefined
        })
      const byDimse = await arrivedBy('dimse', files)
      const byStow = await arrivedBy('stow', files)
      const fromFolder = await arrivedBy('folder', files)
      const sent = new Set(files.map((file) => sha256(even(dataSetOf(file)))))
      expect(byDimse.filter((digest) => !sent.has(digest))).toEqual([])
      // What is held is not there: headers that contradict themselves, and transfer syntaxes that storescp does not take.
      expect(byDimse.length).toBeGreaterThan(65)
      expect(byStow).toEqual(byDimse)
      expect(fromFolder).toEqual(byDimse)
    },
    180_000,
  )
})
