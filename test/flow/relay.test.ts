import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { type RunningApp, type SiteFolders, siteFolders, startApp } from '../support/app-in-process.ts'
import { ctInstance } from '../support/data-set.ts'
import { sha256 } from '../support/data-set-bytes.ts'
import { type RecordingServer, recordingServer } from '../support/dimse-server.ts'
import { ingestToken } from '../support/ingest-token.ts'
import { freePort } from '../support/processes.ts'
import { dicomPart, related, relatedType } from '../support/stow-bodies.ts'

let stack: AsyncDisposableStack
let folders: SiteFolders
let archive: RecordingServer
let kurir: RunningApp
let token: string
/** What the archive answers to an instance of that SOP Instance UID; in turn, and the last one from then on. */
const answers = new Map<string, number | number[]>()

const rules = (port: number, deadPort: number): string => `version: 1
destinations:
  borrowed: { dimse: { ae: "ARCHIVE@127.0.0.1:${port}", calling_ae: "{calling_ae}" } }
  fixed: { dimse: { ae: "FIXED@127.0.0.1:${port}", calling_ae: GATE } }
  ours: { dimse: { ae: "OURS@127.0.0.1:${port}" } }
  patient: { dimse: { ae: "PATIENT@127.0.0.1:${port}" }, retry: { first: 10ms, longest: 20ms } }
  dead: { dimse: { ae: "DEAD@127.0.0.1:${deadPort}", calling_ae: "{calling_ae}" } }
rules:
  - name: everything else
    discard: as the test says
`

beforeEach(async () => {
  stack = new AsyncDisposableStack()
  answers.clear()
  archive = stack.use(
    await recordingServer({
      open: async (request) => {
        const said = answers.get(request.affectedSopInstanceUid)
        const status = Array.isArray(said) && said.length > 1 ? said.shift() : [said].flat()[0]
        return status === undefined ? undefined : { status }
      },
    }),
  )
  folders = stack.use(await siteFolders(rules(archive.port, await freePort())))
  kurir = stack.use(await startApp(folders))
  token = await ingestToken(kurir)
})
afterEach(async () => await stack.disposeAsync())

const ct = (instanceNumber: number) => ctInstance({ instanceNumber, sizeBytes: 2_048 })

type Item = Readonly<Record<string, { readonly Value?: readonly unknown[] }>>

async function relay(path: string, ...numbers: readonly number[]) {
  const body = new Uint8Array(related(numbers.map((number) => dicomPart(ct(number).file))))
  const headers = { authorization: `Bearer ${token}`, ...relatedType() }
  const response = await fetch(`http://127.0.0.1:${kurir.httpPort}${path}`, { method: 'POST', headers, body })
  const text = await response.text()
  const report: Record<string, { Value?: Item[] }> = text.startsWith('{') ? JSON.parse(text) : {}
  const uids = (tag: string, value: string) =>
    (report[tag]?.Value ?? []).map((item) => [item['00081155']?.Value?.[0], item[value]?.Value?.[0]])
  return {
    status: response.status,
    location: response.headers.get('location'),
    stored: uids('00081199', '00081196'),
    failed: uids('00081198', '00081197'),
  }
}

const uid = (number: number): string => `2.25.314159.1.${number}`

test.each([
  ['RELAYER', 'ARCHIVE'],
  ['GATE', 'FIXED'],
  ['KURIR', 'OURS'],
])('%s relays to %s: the answer comes when the archive has it, which was called by that title', async (scu, scp) => {
  expect(await relay(`/${scu}/${scp}/studies`, 1, 2)).toEqual({
    status: 200,
    location: null,
    stored: [
      [uid(1), undefined],
      [uid(2), undefined],
    ],
    failed: [],
  })
  expect(archive.received.map(({ request }) => [request.association.callingAe, request.association.calledAe])).toEqual([
    [scu, scp],
    [scu, scp],
  ])
  // In which order they are sent is nobody's promise.
  const sent = archive.received.map(({ bytes }) => sha256(bytes))
  expect(sent.sort()).toEqual([ct(1).dataSet, ct(2).dataSet].map(sha256).sort())
  const { deliveries } = await kurir.ask<{ deliveries: { nodes: { state: string; rules: { name: string }[] }[] } }>(
    '{ deliveries(first: 9) { nodes { state rules { name } } } }',
  )
  expect(deliveries.nodes.map(({ state, rules: by }) => [state, by[0]?.name.slice(0, 8)])).toEqual([
    ['DELIVERED', 'request:'],
    ['DELIVERED', 'request:'],
  ])
})

test('a pair that the rules do not know is 404, and nothing of it is stored', async () => {
  for (const path of [
    '/KURIR/NOBODY/studies',
    '/OTHER/FIXED/studies',
    '/OTHER/OURS/studies',
    '/a%5Cb/ARCHIVE/studies',
  ]) {
    expect((await relay(path, 1)).status).toBe(404)
  }
  expect((await relay('/RELAYER/ARCHIVE/studies?wait=x', 1)).status).toBe(400)
  const { instances } = await kurir.ask<{ instances: { nodes: unknown[] } }>('{ instances(first: 9) { nodes { id } } }')
  expect(instances.nodes).toEqual([])
})

test('what the archive refuses is named with its status; refused altogether it is 409', async () => {
  answers.set(uid(1), 0xa900)
  expect(await relay('/RELAYER/ARCHIVE/studies', 1, 2)).toMatchObject({
    status: 202,
    stored: [[uid(2), undefined]],
    failed: [[uid(1), 0xa900]],
  })
  answers.set(uid(3), 0xa900)
  expect(await relay('/RELAYER/ARCHIVE/studies', 3)).toMatchObject({ status: 409, failed: [[uid(3), 0xa900]] })
})

test('of several tries the last one’s answer is told', async () => {
  answers.set(uid(1), [0x0110, 0xa900])
  expect(await relay('/KURIR/PATIENT/studies', 1)).toMatchObject({ status: 409, failed: [[uid(1), 0xa900]] })
})

test('what was refused and is relayed again is answered by what the archive says now', async () => {
  answers.set(uid(1), 0xa900)
  expect((await relay('/KURIR/OURS/studies', 1)).status).toBe(409)
  answers.delete(uid(1))
  expect(await relay('/KURIR/OURS/studies', 1)).toMatchObject({ status: 200, failed: [] })
})

test('an archive that cannot be reached is no error: 202, and what is stored is still to be delivered', async () => {
  expect(await relay('/RELAYER/DEAD/studies?wait=0.3', 1)).toMatchObject({
    status: 202,
    stored: [[uid(1), undefined]],
    failed: [],
  })
  const { deliveries } = await kurir.ask<{ deliveries: { nodes: { state: string }[] } }>(
    '{ deliveries(first: 9) { nodes { state } } }',
  )
  // A try may be under way at this moment.
  expect(deliveries.nodes.map(({ state }) => state)).toEqual([expect.stringMatching(/^(?:READY|SENDING)$/)])
})

test('an archive that has taken some and is busy for others is 206, with where the study is', async () => {
  // Should the busy one be sent first, the archive rests for two seconds before the other.
  answers.set(uid(2), 0xa700)
  expect(await relay('/RELAYER/ARCHIVE/studies?wait=5', 1, 2)).toMatchObject({
    status: 206,
    location: expect.stringMatching(/\/studies\/2\.25\.314159$/),
    failed: [],
  })
}, 30_000)

test('what one archive has of the same bytes says nothing of another: each gets it, and answers for itself', async () => {
  expect((await relay('/RELAYER/ARCHIVE/studies', 1)).status).toBe(200)
  expect((await relay('/RELAYER/DEAD/studies?wait=0.3', 1)).status).toBe(202)
  const { deliveries } = await kurir.ask<{ deliveries: { nodes: { destination: { name: string } }[] } }>(
    '{ deliveries(first: 9) { nodes { destination { name } } } }',
  )
  expect(deliveries.nodes.map(({ destination }) => destination.name)).toEqual(['dead', 'borrowed'])
})

test('the same bytes handed in again and again are sent once, and each answer is that the archive has them', async () => {
  for (let time = 0; time < 4; time += 1) {
    expect(await relay('/RELAYER/ARCHIVE/studies?wait=10', 1)).toMatchObject({ status: 200, failed: [] })
  }
  expect(archive.received).toHaveLength(1)
}, 60_000)
