import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect } from '@jest/globals'
import { ms } from '../../src/base/clock.ts'
import { type CorpusFile, corpusFiles, testWithCorpus } from '../support/corpus.ts'
import { IMPLICIT, VERIFICATION } from '../support/dimse-bytes.ts'
import { established, propose, request, slices, uid } from '../support/dimse-requests.ts'
import { recordingServer } from '../support/dimse-server.ts'
import { describeWithPeers, peerEnv, peerPath, testWithPeers } from '../support/peers.ts'

const run = promisify(execFile)

/** A Part 10 file cut into what a C-STORE needs: only ever for tests, and only for files with a readable meta. */
interface PartTen extends CorpusFile {
  readonly sopClass: string
  readonly sopInstance: string
  readonly transferSyntax: string
  readonly dataSet: Buffer
}

function readPartTen(file: CorpusFile): PartTen | undefined {
  const bytes = readFileSync(file.path)
  if (bytes.toString('latin1', 128, 132) !== 'DICM') return undefined
  const meta = new Map<number, string>()
  let at = 132
  while (at + 8 <= bytes.length && bytes.readUInt16LE(at) === 2) {
    const long = ['OB', 'UN', 'OW', 'UT'].includes(bytes.toString('latin1', at + 4, at + 6))
    const length = long ? bytes.readUInt32LE(at + 8) : bytes.readUInt16LE(at + 6)
    const from = at + (long ? 12 : 8)
    meta.set(bytes.readUInt16LE(at + 2), bytes.toString('latin1', from, from + length).replace(/[\0 ]+$/, ''))
    at = from + length
  }
  const [sopClass, sopInstance, transferSyntax] = [meta.get(2), meta.get(3), meta.get(0x10)]
  if (!sopClass || !sopInstance || !transferSyntax) return undefined
  return { ...file, sopClass, sopInstance, transferSyntax, dataSet: bytes.subarray(at) }
}

const files = ['modality', 'syntax', 'vendor-private', 'charset']
  .flatMap((folder) => corpusFiles(folder))
  .flatMap((file) => readPartTen(file) ?? [])

/** An odd data set leaves with one NUL more: fragments are even. */
const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc(bytes.length % 2)])

let folder: string
let children: ChildProcess[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kurir-dimse-'))
  children = []
})
afterEach(async () => {
  await Promise.all(
    children.map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await gone
    }),
  )
  rmSync(folder, { recursive: true, force: true })
})

/** Starts storescp on a free port and waits until it listens. */
async function storescp(...args: readonly string[]): Promise<number> {
  const port = await freePort()
  const child = spawn(peerPath('storescp') ?? 'storescp', [...args, String(port)], { env: peerEnv, stdio: 'ignore' })
  children.push(child)
  while (!(await listens(port))) await new Promise((resolve) => setImmediate(resolve))
  return port
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })

testWithPeers(['echoscu'], 'echoscu gets its answer', async () => {
  await using running = await recordingServer()
  await run(peerPath('echoscu') ?? '', ['127.0.0.1', String(running.port)], { env: peerEnv })
  await running.untilClosed(1)
  expect(running.closed).toEqual(['released: released by the peer'])
})

testWithPeers(['storescp'], 'storescp answers our echo', async () => {
  const port = await storescp('--ignore')
  const association = await established(port, { contexts: [propose(VERIFICATION, IMPLICIT)] })
  expect(await association.echo()).toEqual({ kind: 'answered', status: 0 })
  await association.release()
})

// What storescu has to be told to propose a file's own transfer syntax.
const STORESCU_PROPOSES: Readonly<Record<string, string>> = {
  '1.2.840.10008.1.2': '-xi',
  '1.2.840.10008.1.2.1': '-xe',
  '1.2.840.10008.1.2.2': '-xb',
  '1.2.840.10008.1.2.1.99': '-xd',
  '1.2.840.10008.1.2.4.50': '-xy',
  '1.2.840.10008.1.2.4.51': '-xx',
  '1.2.840.10008.1.2.4.70': '-xs',
  '1.2.840.10008.1.2.4.80': '-xt',
  '1.2.840.10008.1.2.4.81': '-xu',
  '1.2.840.10008.1.2.4.90': '-xv',
  '1.2.840.10008.1.2.4.91': '-xw',
  '1.2.840.10008.1.2.5': '-xr',
}

describeWithPeers(['storescu', 'storescp'], 'dcmtk sends to us', () => {
  testWithCorpus(
    'every data set of every modality and syntax is what storescp saves bit for bit',
    async () => {
      await using running = await recordingServer()
      const port = await storescp('+xa', '+B', '-uf', '-pm', '-fe', '.dcm', '-od', folder)
      const send = async (to: number, file: PartTen): Promise<void> => {
        const proposes = STORESCU_PROPOSES[file.transferSyntax] ?? '-xe'
        // A file of the corpus that storescu itself cannot send proves nothing; the count below bounds how many.
        await run(peerPath('storescu') ?? '', [proposes, '-R', '127.0.0.1', String(to), file.path], {
          env: peerEnv,
        }).catch(() => {})
      }
      const wrong: string[] = []
      let same = 0
      for (const file of files) {
        running.received.length = 0
        await Promise.all([send(port, file), send(running.port, file)])
        const [name] = readdirSync(folder)
        const stored = name === undefined ? undefined : readPartTen({ name, path: join(folder, name) })
        if (name !== undefined) rmSync(join(folder, name))
        const got = running.received[0]
        if (stored === undefined) continue
        if (got?.bytes.equals(stored.dataSet) && got.request.context.transferSyntax === stored.transferSyntax) same += 1
        else wrong.push(file.name)
      }
      expect(wrong).toEqual([])
      expect(same).toBeGreaterThan(files.length * 0.85)
      expect(running.closed.filter((line) => !/^(released|aborted-by-peer)/.test(line))).toEqual([])
    },
    120_000,
  )
})

describeWithPeers(['storescp'], 'we send to dcmtk', () => {
  testWithCorpus(
    'every data set of every modality and syntax arrives bit for bit',
    async () => {
      const port = await storescp('+xa', '+B', '-uf', '-pm', '-fe', '.dcm', '-od', folder)
      const pairs = new Map(files.map((file) => [`${file.sopClass} ${file.transferSyntax}`, file]))
      const proposed = [...pairs.values()].map((file) => propose(file.sopClass, file.transferSyntax)).slice(0, 128)
      const association = await established(port, { contexts: proposed })
      const wrong: string[] = []
      // SOP classes and syntaxes younger than the peer.
      let unknown = 0
      for (const file of files) {
        const context = association.contextFor(uid(file.sopClass), uid(file.transferSyntax))
        if (context === undefined) {
          unknown += 1
          continue
        }
        const dataSet = slices(file.dataSet, 10_001)
        const outcome = await association.store({ context, sopInstanceUid: uid(file.sopInstance), dataSet })
        const [name] = readdirSync(folder)
        if (outcome.kind !== 'answered' || outcome.status !== 0 || name === undefined) {
          wrong.push(`${file.name}: ${JSON.stringify(outcome)}`)
          continue
        }
        const stored = readPartTen({ name, path: join(folder, name) })
        if (!stored?.dataSet.equals(padded(file.dataSet))) wrong.push(`${file.name}: other bytes`)
        rmSync(join(folder, name))
      }
      await association.release()
      expect(wrong).toEqual([])
      expect(unknown).toBeLessThan(files.length * 0.05)
    },
    120_000,
  )
})

describeWithPeers(['storescp'], 'storescp misbehaves as it can', () => {
  const store = async (...args: readonly string[]) => {
    const port = await storescp(...args, '--ignore')
    const association = await established(port, {
      contexts: [propose('1.2.840.10008.5.1.4.1.1.2', '1.2.840.10008.1.2.1')],
    })
    const [context] = association.contexts
    if (context === undefined) throw new Error('no context')
    const outcome = await association.store({ context, sopInstanceUid: uid('1.2.3'), dataSet: slices(element) })
    await association.closed
    return outcome
  }
  // (0010,0010) LO of no meaning, then a megabyte of pixel data, explicit VR little endian.
  const element = Buffer.concat([
    Buffer.from([0xe0, 0x7f, 0x10, 0, 0x4f, 0x57, 0, 0, 0, 0, 0x10, 0]),
    Buffer.alloc(0x100000, 1),
  ])

  // It closes with bytes unread, so that its own reset may overtake its A-ABORT.
  const told: unknown = expect.stringMatching(/^(aborted|connection-closed)$/)

  testWithPeers(['storescp'], 'aborting after an object: lost, perhaps taken', async () => {
    expect(await store('--abort-after')).toMatchObject({ kind: 'lost', taken: true, code: told })
  })
  testWithPeers(['storescp'], 'refusing the association: rejected', async () => {
    expect(await request(await storescp('--refuse'))).toMatchObject({ kind: 'rejected', result: 1, source: 1 })
  })
  testWithPeers(['storescp'], 'stopped by a signal in the middle: lost in time', async () => {
    const port = await storescp('--ignore')
    const proposed = [propose('1.2.840.10008.5.1.4.1.1.2', '1.2.840.10008.1.2.1')]
    const timeouts = { network: ms(300), dimse: ms(300), close: ms(100) }
    const association = await established(port, { contexts: proposed, timeouts })
    const [context] = association.contexts
    if (context === undefined) throw new Error('no context')
    children.at(-1)?.kill('SIGSTOP')
    const endless = async function* () {
      while (association.isOpen) yield Buffer.alloc(262_144)
    }
    const outcome = await association.store({ context, sopInstanceUid: uid('1.2.3'), dataSet: endless() })
    expect(outcome).toMatchObject({ kind: 'lost', code: 'timeout', taken: false })
    await association.closed
  })
  testWithPeers(['storescp'], 'aborting in the middle of an object: lost', async () => {
    expect(await store('--abort-during')).toMatchObject({ kind: 'lost', code: told })
  })
})

describe('a file on disk', () => {
  testWithPeers(['storescu', 'dump2dcm'], 'storescu sends it on many associations at once', async () => {
    await using running = await recordingServer()
    const dump = join(folder, 'ct.dump')
    const path = join(folder, 'ct.dcm')
    writeFileSync(dump, '(0008,0016) UI 1.2.840.10008.5.1.4.1.1.2\n(0008,0018) UI 1.2.3\n(0010,0020) LO [X]\n')
    await run(peerPath('dump2dcm') ?? '', [dump, path])
    const send = () => run(peerPath('storescu') ?? '', ['127.0.0.1', String(running.port), path], { env: peerEnv })
    await Promise.all([...Array(8)].map(send))
    const sent = readPartTen({ name: 'ct', path })
    expect(running.received).toHaveLength(8)
    for (const { bytes } of running.received) expect(bytes.equals(sent?.dataSet ?? Buffer.alloc(0))).toBe(true)
  })
})
