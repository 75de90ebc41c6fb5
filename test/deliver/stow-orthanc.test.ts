import { readFileSync } from 'node:fs'
import { expect } from '@jest/globals'
import { ms } from '../../src/base/clock.ts'
import { findFileMeta } from '../../src/dicom/file-meta.ts'
import { corpusDir, corpusFiles } from '../support/corpus.ts'
import { ctInstance } from '../support/data-set.ts'
import { dataSetOf, sha256 } from '../support/data-set-bytes.ts'
import { openDelivery, quickRetry } from '../support/delivery-harness.ts'
import { dicomWebPlugin, startOrthanc } from '../support/orthanc.ts'
import { testWithPeers } from '../support/peers.ts'
import { temporaryDir } from '../support/processes.ts'

const peers = dicomWebPlugin() === undefined ? ['Orthanc', 'libOrthancDicomWeb.so'] : ['Orthanc']

/** Files of many kinds with UIDs of their own, each SOP Instance UID once. */
function material(): readonly Buffer[] {
  const seen = new Set<string>()
  return [...corpusFiles('modality'), ...corpusFiles('syntax')]
    .map(({ path }) => readFileSync(path))
    .filter((file) => {
      const found = findFileMeta(file, true)
      const meta = found.outcome === 'found' ? found.meta : {}
      const uid = meta.sopInstanceUid
      const whole = uid !== undefined && meta.sopClassUid !== undefined && meta.transferSyntaxUid !== undefined
      if (!whole || seen.has(uid) || file.length > 4_000_000) return false
      seen.add(uid)
      return true
    })
    .slice(0, 40)
}

/**
 * Whoever sends them, Orthanc answers the files themselves with 400: a colour palette has no patient, study or series, which
 * Orthanc cannot do without; and its plug-in (1.7) finds no UIDs where they are written as UN, as in this RT dose.
 */
const ORTHANC_REFUSES = ['modality/hotiron.dcm', 'modality/rtdose_rle.dcm']

const nameOf = (digest: string): string =>
  [...corpusFiles('modality'), ...corpusFiles('syntax')].find(({ path }) => digestOf(readFileSync(path)) === digest)
    ?.name ?? 'none of the corpus'

const digestOf = (file: Buffer): string => (findFileMeta(file, true).outcome === 'found' ? sha256(dataSetOf(file)) : '')

testWithPeers(
  peers,
  'what is sent to Orthanc by STOW-RS is there with the same data sets, and the same again is taken again',
  async () => {
    await using home = await temporaryDir('stow-orthanc')
    await using orthanc = await startOrthanc(home.path)
    await using harness = await openDelivery({
      folder: home.path,
      destinations: [
        {
          name: 'cloud',
          file: '10.yaml',
          line: 1,
          retry: quickRetry,
          verify: undefined,
          reach: {
            kind: 'stow',
            stow: {
              batch: 7,
              reach: {
                url: orthanc.dicomWeb,
                credentials: { kind: 'none' },
                tls: undefined,
                proxy: undefined,
                headers: [],
                // One that Orthanc never answers, as seen on a busy machine, is tried again.
                timeout: ms(10_000),
                addresses: [],
                atOnce: 2,
                perSecond: undefined,
              },
            },
          },
        },
      ],
    })
    const files = [...Array.from({ length: 10 }, (_, n) => ctInstance({ instanceNumber: n + 1 }).file), ...material()]
    const owed = new Map<string, string>()
    for (const file of files) {
      // One whose header cannot be read is held, and owed to nobody.
      const planned = await harness.owe(file, ['cloud']).catch(() => undefined)
      if (planned !== undefined) owed.set(sha256(dataSetOf(file)), planned.deliveries[0] ?? '')
    }
    await harness.start()
    await harness.until(owed.size)
    expect(await harness.dispatchers.verify('cloud')).toMatchObject({ reached: true })
    const there = new Set((await orthanc.files()).map((file) => sha256(dataSetOf(file))))
    const states = new Map<string, string>()
    for (const settlement of harness.settled) states.set(settlement.delivery, settlement.state)
    const delivered = [...owed].filter(([, id]) => states.get(id) === 'DELIVERED').map(([digest]) => digest)
    // Whatever it said it took is there unchanged.
    expect(delivered.filter((digest) => !there.has(digest))).toEqual([])
    const refused = [...owed].filter(([, id]) => states.get(id) === 'REJECTED').map(([digest]) => digest)
    expect(refused.map(nameOf).sort()).toEqual(corpusDir() === undefined ? [] : ORTHANC_REFUSES)
    expect(delivered).toHaveLength(owed.size - refused.length)
    const again = await harness.owe(ctInstance({ instanceNumber: 1 }).file, ['cloud'], {
      reception: { callingAe: 'ANOTHER' },
    })
    await harness.until(owed.size + 1)
    expect(await harness.tries(again.deliveries[0])).toEqual([expect.stringMatching(/^DELIVERED/)])
  },
  120_000,
)
