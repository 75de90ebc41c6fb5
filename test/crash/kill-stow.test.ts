import { expect } from '@jest/globals'
import { ctInstance } from '../support/data-set.ts'
import { ingestToken } from '../support/ingest-token.ts'
import { testWithPeers } from '../support/peers.ts'
import type { KurirProcess } from '../support/processes.ts'
import { digestOf, forwardTo, inLedger, openSite } from '../support/site.ts'
import { dicomPart, related, relatedType } from '../support/stow-bodies.ts'
import { untilSettled } from '../support/until-settled.ts'

const KILLS = 5
const CLIENTS = 6
const IN_A_BODY = 4

/** Stores bodies of a few instances each until nobody answers any more; tells of each body that was answered 200. */
async function storeBodies(
  kurir: KurirProcess,
  token: string,
  next: () => Buffer,
  stored: (files: readonly Buffer[]) => void,
) {
  const headers = { authorization: `Bearer ${token}`, ...relatedType() }
  for (;;) {
    const files = Array.from({ length: IN_A_BODY }, next)
    try {
      const body = new Uint8Array(related(files.map(dicomPart)))
      const response = await fetch(`http://127.0.0.1:${kurir.httpPort}/studies`, { method: 'POST', headers, body })
      await response.arrayBuffer()
      expect(response.status).toBe(200)
    } catch (error) {
      // fetch says so when its peer has been killed; anything else is ours.
      if (error instanceof TypeError || Object(error).name === 'TypeError') return
      throw error
    }
    stored(files)
  }
}

testWithPeers(
  ['storescp'],
  'kill -9 while several clients store by STOW-RS: every instance that was answered 200 reaches the archive',
  async () => {
    await using site = await openSite('kill-stow')
    const archive = await site.archive('arrived')
    await site.rules(forwardTo({ archive: archive.port }))
    const acknowledged = new Set<string>()
    let number = 0
    const next = (): Buffer => ctInstance({ instanceNumber: ++number, sizeBytes: 1_000 * (1 + (number % 90)) }).file
    let kurir = await site.start()
    const token = await ingestToken(kurir)
    for (let kill = 0; kill < KILLS; kill++) {
      // Another number of answers each time, so that the kill meets another step each time.
      let left = 5 + ((kill * 7) % 11)
      const stored = (files: readonly Buffer[]): void => {
        for (const file of files) acknowledged.add(digestOf(file))
        left -= 1
        if (left === 0) kurir.child.kill('SIGKILL')
      }
      await Promise.all(Array.from({ length: CLIENTS }, () => storeBodies(kurir, token, next, stored)))
      await kurir.kill()
      kurir = await site.start()
    }
    await untilSettled(kurir)
    expect(await kurir.stop()).toBe(0)

    const delivered = new Set(await archive.digests())
    expect([...acknowledged].filter((digest) => !delivered.has(digest))).toEqual([])
    expect(acknowledged.size).toBeGreaterThan(KILLS * 5 * IN_A_BODY - 1)
    expect(inLedger(site.dataDir, 'PRAGMA integrity_check')).toEqual(['ok'])
  },
  120_000,
)
