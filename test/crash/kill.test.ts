import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, expect, test } from '@jest/globals'
import Database from 'better-sqlite3'
import { ctInstance } from '../support/data-set.ts'
import { dataSetDigests, dataSetOf, sha256 } from '../support/data-set-bytes.ts'
import { describeWithPeers } from '../support/peers.ts'
import { type KurirProcess, startKurir, startStorescp, temporaryDir } from '../support/processes.ts'
import { storeAll } from '../support/store-all.ts'
import { untilSettled } from '../support/until-settled.ts'

const KILLS = 10
const SENDERS = 4

const RULES = (port: number): string => `version: 1
destinations:
  archive:
    dimse: { ae: ARCHIVE@127.0.0.1:${port}, associations: 2 }
    retry: { first: 100ms, longest: 1s, give_up_after: 7d }
rules:
  - name: everything to the archive
    forward: [archive]
`

describeWithPeers(['storescp'], 'kill -9 under load', () => {
  const stack = new AsyncDisposableStack()
  afterEach(() => stack.disposeAsync())

  test(`ten times in a row loses nothing that was answered 0000H, and resends only what was in flight`, async () => {
    const home = stack.use(await temporaryDir('kill'))
    const folders = { dataDir: path.join(home.path, 'data'), rulesDir: path.join(home.path, 'rules') }
    const arrived = path.join(home.path, 'arrived')
    for (const dir of [folders.dataDir, folders.rulesDir, arrived]) await mkdir(dir, { recursive: true })
    const archive = stack.use(await startStorescp(arrived, ['+uf']))
    await writeFile(path.join(folders.rulesDir, '00.yaml'), RULES(archive.port))

    const acknowledged = new Set<string>()
    const inFlight: number[] = []
    let index = 0
    let kurir: KurirProcess = await startKurir(folders)
    for (let kill = 0; kill < KILLS; kill++) {
      // Another number of acknowledgements each time, so that the kill meets another step each time.
      const enough = 20 + ((kill * 13) % 17)
      let acks = 0
      const sending = Array.from({ length: SENDERS }, () =>
        storeAll(
          kurir.dicomPort,
          function* () {
            while (acks < enough + 50) yield ctInstance({ instanceNumber: index++, sizeBytes: 60_000 }).file
          },
          (file, status) => {
            if (status !== 0) return
            acknowledged.add(sha256(dataSetOf(file)))
            acks++
            if (acks === enough) void kurir.kill()
          },
        ),
      )
      await Promise.all(sending)
      await kurir.kill()
      inFlight.push(sendingRows(folders.dataDir))
      kurir = await startKurir(folders)
    }
    await untilSettled(kurir)
    expect(await kurir.stop()).toBe(0)

    const delivered = await dataSetDigests(arrived)
    const missing = [...acknowledged].filter((digest) => !delivered.includes(digest))
    expect(missing).toEqual([])
    expect(acknowledged.size).toBeGreaterThan(KILLS * 20)
    const sentTwice = delivered.length - new Set(delivered).size
    expect(sentTwice).toBeLessThanOrEqual(inFlight.reduce((sum, count) => sum + count, 0))
    expect((await readdir(arrived)).length).toBe(delivered.length)
    await readFile(path.join(folders.dataDir, 'admin-token'))
  }, 180_000)
})

/** What the ledger says was on its way when the process died. */
function sendingRows(dataDir: string): number {
  const database = new Database(path.join(dataDir, 'ledger.db'), { readonly: true })
  try {
    const row: unknown = database.prepare(`SELECT count(*) FROM delivery WHERE state = 'SENDING'`).pluck().get()
    return Number(row)
  } finally {
    database.close()
  }
}
