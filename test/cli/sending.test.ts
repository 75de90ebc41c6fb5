// echo and send: against a Kurir in this process, and against dcmtk where it is installed.
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { type SiteFolders, siteFolders, startApp } from '../support/app-in-process.ts'
import { ctInstance, part10 } from '../support/data-set.ts'
import { dataSetDigests, sha256 } from '../support/data-set-bytes.ts'
import { recordingServer } from '../support/dimse-server.ts'
import { testWithPeers } from '../support/peers.ts'
import { freePort, startStorescp } from '../support/processes.ts'
import { commandLine } from './command-line.ts'

let stack: AsyncDisposableStack
let ours: SiteFolders

beforeEach(async () => {
  stack = new AsyncDisposableStack()
  ours = stack.use(await siteFolders('version: 1\n'))
})
afterEach(async () => await stack.disposeAsync())

const DISCARDING = 'version: 1\nrules: [ { name: nothing, discard: as the test says } ]\n'

/** Rules with these destinations: name to AE address. */
async function destinations(addresses: Readonly<Record<string, string>>, callingAe = ''): Promise<void> {
  const lines = Object.entries(addresses).map(([name, ae]) => `  ${name}: { dimse: { ae: "${ae}"${callingAe} } }\n`)
  const folder = '  outbox: { folder: { path: ./out, layout: "{SOPInstanceUID}.dcm" } }\n'
  await ours.write({ '00.yaml': `version: 1\ndestinations:\n${lines.join('')}${folder}` })
}

async function files(...made: readonly Buffer[]): Promise<readonly string[]> {
  const names: string[] = []
  for (const [index, bytes] of made.entries()) {
    const name = path.join(ours.home, `${index}.dcm`)
    await writeFile(name, bytes)
    names.push(name)
  }
  return names
}

const ct = (instanceNumber: number) => ctInstance({ instanceNumber, sizeBytes: 20_000 })

/** Another Kurir to talk to. */
async function startOther(rules = DISCARDING, environment: Record<string, string> = {}) {
  const other = stack.use(await siteFolders(rules, environment))
  return stack.use(await startApp(other))
}

test('an archive that answers is told of with the time it took', async () => {
  const { dicomPort } = await startOther()
  await destinations({ archive: `KURIR@127.0.0.1:${dicomPort}` })
  expect(await commandLine(ours.environment).run('echo', 'archive')).toMatchObject({
    code: 0,
    printed: [expect.stringMatching(/^archive answered in \d+ ms$/)],
    complaints: [],
  })
})

test('why there is no answer is a sentence: nobody there, the wrong title, no such name, another kind, no address', async () => {
  const { dicomPort } = await startOther()
  const closed = await freePort()
  await destinations({
    archive: `OTHER@127.0.0.1:${dicomPort}`,
    dead: `DEAD@127.0.0.1:${closed}`,
    unset: `$\{UNSET_AE}`,
  })
  const kurir = commandLine(ours.environment)
  const complaint = async (name: string) => {
    const { code, complaints } = await kurir.run('echo', name)
    expect(code).toBe(1)
    return complaints.join('\n')
  }
  expect(await complaint('archive')).toBe(
    `kurir echo: OTHER at 127.0.0.1:${dicomPort} rejected the association of KURIR: called AE title not recognized (result 1, source 1, reason 7)`,
  )
  expect(await complaint('dead')).toBe(`kurir echo: DEAD at 127.0.0.1:${closed} was not reached: connection refused`)
  expect(await complaint('nowhere')).toBe(
    'kurir echo: there is no destination nowhere; there are: archive, dead, outbox, unset',
  )
  expect(await complaint('outbox')).toBe('kurir echo: outbox is a folder destination; this works for dimse')
  expect(await complaint('unset')).toBe('kurir echo: unset needs UNSET_AE, which is not set')
  expect((await kurir.run('echo')).code).toBe(2)
  expect((await kurir.run('echo', 'archive', 'dead')).code).toBe(2)
})

test('files are sent under the title that the destination wants, and progress is drawn for a person only', async () => {
  const callers = 'callers: { ct: { ae: CT_ONE, from: 127.0.0.0/8 } }\n'
  const { dicomPort, log } = await startOther(`${DISCARDING}${callers}`)
  await destinations({ archive: `KURIR@127.0.0.1:${dicomPort}` }, ', calling_ae: CT_ONE')
  const two = await files(ct(1).file, ct(2).file)
  const sent = await commandLine(ours.environment, true).run('send', 'archive', ...two)
  expect(sent).toEqual({
    code: 0,
    printed: ['2 of 2 files sent to archive'],
    complaints: [],
    progress: ['1 of 2', '2 of 2', ''],
  })
  expect(log.lines.filter(({ event }) => event === 'instance-admitted')).toHaveLength(2)
  expect((await commandLine(ours.environment).run('send', 'archive', ...two)).progress).toEqual([])
})

test('each file that was refused is named with its status, and the exit code tells', async () => {
  const { dicomPort } = await startOther(DISCARDING, { KURIR_SPOOL_FREE_MIN: '999999999999999' })
  await destinations({ archive: `KURIR@127.0.0.1:${dicomPort}` })
  const [file = ''] = await files(ct(1).file)
  expect(await commandLine(ours.environment, true).run('send', 'archive', file)).toMatchObject({
    code: 1,
    printed: ['0 of 1 files sent to archive'],
    complaints: [`${file}: refused with A700H`],
    // The line of progress makes room for it.
    progress: ['1 of 1', '', ''],
  })
})

test('what was stored with a warning was sent', async () => {
  const left = [0xb000, 0xb006, 0xb007, 0xb101, 0xa700]
  const archive = stack.use(await recordingServer({ end: async () => ({ status: left.shift() ?? 0 }) }))
  await destinations({ archive: `KURIR@127.0.0.1:${archive.port}` })
  const five = await files(...[1, 2, 3, 4, 5].map((number) => ct(number).file))
  expect(await commandLine(ours.environment).run('send', 'archive', ...five)).toMatchObject({
    code: 1,
    printed: ['4 of 5 files sent to archive'],
    complaints: [`${five[4]}: refused with A700H`],
  })
})

test('more kinds than an association has contexts for, 128, take another', async () => {
  const archive = stack.use(await recordingServer())
  await destinations({ archive: `KURIR@127.0.0.1:${archive.port}` })
  const kinds = Array.from({ length: 129 }, (_, index) => {
    const made = ctInstance({ instanceNumber: index + 1, sizeBytes: 1_024 })
    return part10({ ...made, sopClassUid: `1.2.840.10008.5.1.4.1.1.2.${index + 1}` })
  })
  const { printed } = await commandLine(ours.environment).run('send', 'archive', ...(await files(...kinds)))
  expect(printed).toEqual(['129 of 129 files sent to archive'])
  expect(new Set(archive.received.map(({ request }) => request.association)).size).toBe(2)
})

test('an association that cannot be had after others were used is told of beside what was sent', async () => {
  const archive = stack.use(
    await recordingServer({
      end: async () => {
        if (archive.received.length === 128) setImmediate(() => void archive[Symbol.asyncDispose]())
        return { status: 0 }
      },
    }),
  )
  await destinations({ archive: `KURIR@127.0.0.1:${archive.port}` })
  const kinds = Array.from({ length: 130 }, (_, index) => {
    const made = ctInstance({ instanceNumber: index + 1, sizeBytes: 1_024 })
    return part10({ ...made, sopClassUid: `1.2.840.10008.5.1.4.1.1.2.${index + 1}` })
  })
  expect(await commandLine(ours.environment).run('send', 'archive', ...(await files(...kinds)))).toMatchObject({
    code: 1,
    printed: ['128 of 130 files sent to archive'],
    complaints: [`kurir send: KURIR at 127.0.0.1:${archive.port} was not reached: connection refused`],
  })
})

test('told to stop, it says what was sent and names what was not', async () => {
  const kurir = commandLine(ours.environment)
  const archive = stack.use(
    await recordingServer({
      end: async () => {
        if (archive.received.length === 2) kurir.stop()
        return { status: 0 }
      },
    }),
  )
  await destinations({ archive: `KURIR@127.0.0.1:${archive.port}` })
  const three = await files(ct(1).file, ct(2).file, ct(3).file)
  expect(await kurir.run('send', 'archive', ...three)).toMatchObject({
    code: 1,
    printed: ['1 of 3 files sent to archive'],
    complaints: [`${three[1]}: aborted by us`, `${three[2]}: aborted by us`],
  })
})

test('a SOP class that is not stored there, and an unnamed instance, are not sent', async () => {
  const { dicomPort } = await startOther()
  await destinations({ archive: `KURIR@127.0.0.1:${dicomPort}` })
  // Modality Worklist's model is no storage.
  const worklist = part10({ ...ct(1), sopClassUid: '1.2.840.10008.5.1.4.31' })
  const unnamed = part10({ ...ct(2), sopInstanceUid: '' })
  const [first = '', second = '', third = ''] = await files(worklist, unnamed, ct(3).file)
  const { code, printed, complaints } = await commandLine(ours.environment).run('send', 'archive', first, second, third)
  expect([code, printed]).toEqual([1, ['1 of 3 files sent to archive']])
  expect([...complaints].sort()).toEqual([
    `${first}: its SOP class in its transfer syntax is not accepted there`,
    `${second}: its file meta names no SOP Instance UID`,
  ])
})

test('nothing is sent to an unknown destination, of a file that is not there, or when it is not said what', async () => {
  await destinations({ archive: 'ARCHIVE@127.0.0.1:1' })
  const kurir = commandLine(ours.environment)
  const [file = ''] = await files(ct(1).file)
  expect((await kurir.run('send', 'nowhere', file)).complaints[0]).toMatch(/there is no destination nowhere/)
  expect((await kurir.run('send', 'archive', '/nowhere.dcm')).complaints).toEqual([
    'kurir send: /nowhere.dcm does not exist',
  ])
  expect((await kurir.run('send', 'archive')).code).toBe(2)
})

testWithPeers(['storescp'], 'storescp answers the echo and has what was sent, byte for byte', async () => {
  const arrived = path.join(ours.home, 'arrived')
  await mkdir(arrived)
  const archive = stack.use(await startStorescp(arrived))
  await destinations({ archive: `ARCHIVE@127.0.0.1:${archive.port}` })
  const kurir = commandLine(ours.environment)
  expect((await kurir.run('echo', 'archive')).code).toBe(0)
  const made = [ct(1), ct(2)]
  const sent = await kurir.run('send', 'archive', ...(await files(...made.map(({ file }) => file))))
  expect([sent.code, sent.complaints]).toEqual([0, []])
  expect(await readdir(arrived)).toHaveLength(2)
  expect([...(await dataSetDigests(arrived))].sort()).toEqual(made.map(({ dataSet }) => sha256(dataSet)).sort())
})
