import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { expect, test } from '@jest/globals'
import { sha256 } from '../support/data-set-bytes.ts'
import { recordingServer } from '../support/dimse-server.ts'
import { ask } from '../support/graphql-client.ts'
import { describeWithPeers } from '../support/peers.ts'
import { freePort, type KurirProcess } from '../support/processes.ts'
import { type Archive, ctFiles, digestOf, forwardTo, openSite, type Site, storeOnce } from '../support/site.ts'
import { untilSettled } from '../support/until-settled.ts'

/** So that a peer that hangs is given up soon. */
const IMPATIENT = { KURIR_ACSE_TIMEOUT: '1s', KURIR_DIMSE_TIMEOUT: '1s', KURIR_NETWORK_TIMEOUT: '1s' }

/** A Kurir that owes everything to an archive that is about to fail and to another one that works. */
async function between(site: Site, faulty: Archive | { readonly port: number }) {
  const sound = await site.archive('sound')
  await site.rules(forwardTo({ faulty: faulty.port, sound: sound.port }))
  return { sound, kurir: await site.start(IMPATIENT) }
}

const ofFaulty = (line: Readonly<Record<string, unknown>>): boolean => line['destination'] === 'faulty'

/** State, attempts and reasons of what is owed to the faulty archive. */
async function attempts(kurir: KurirProcess): Promise<readonly string[]> {
  const { deliveries } = await ask<{
    deliveries: { nodes: readonly { attempts: { nodes: readonly { outcome: string }[] } }[] }
  }>(kurir, '{ deliveries(first: 50, filter: { destination: "faulty" }) { nodes { attempts { nodes { outcome } } } } }')
  return deliveries.nodes.flatMap((delivery) => delivery.attempts.nodes.map(({ outcome }) => outcome))
}

describeWithPeers(['storescp'], 'an archive', () => {
  test.each([
    ['rejects associations', '--refuse', []],
    ['aborts in the middle of an object', '--abort-during', ['TRANSIENT', 'AMBIGUOUS']],
    ['aborts after an object, before it answers', '--abort-after', ['AMBIGUOUS', 'TRANSIENT']],
  ] as const)('that %s delays no other, and gets everything once it behaves', async (_what, option, outcomes) => {
    await using site = await openSite('archive-fault')
    const faulty = await site.archive('faulty', [option])
    const { kurir, sound } = await between(site, faulty)
    const files = ctFiles(1, 6, 200_000)
    const expected = files.map(digestOf).sort()
    expect(await storeOnce(kurir, files)).toEqual(files.map(() => 0))
    await untilSettled(kurir, ['sound'])
    expect(await sound.digests()).toEqual(expected)
    await kurir.logged('destination-down', ofFaulty)

    await faulty[Symbol.asyncDispose]()
    const mended = await site.archive('mended', [], faulty.port)
    await untilSettled(kurir)
    expect(await mended.digests()).toEqual(expected)
    const failed = (await attempts(kurir)).filter((outcome) => outcome !== 'DELIVERED')
    if (outcomes.length === 0) expect(failed).toEqual([])
    else expect(outcomes).toEqual(expect.arrayContaining(failed))
    expect(failed.length > 0).toBe(outcomes.length > 0)
  })

  test('that stops answering is given up, delays no other, and gets everything when it goes on', async () => {
    await using site = await openSite('archive-hangs')
    const faulty = await site.archive('faulty')
    const { kurir, sound } = await between(site, faulty)
    const first = ctFiles(1, 3)
    await storeOnce(kurir, first)
    await untilSettled(kurir)

    faulty.child.kill('SIGSTOP')
    // More than the kernel takes for a process that reads nothing: it hangs in mid-object.
    const second = [...ctFiles(10, 1, 16 * 1024 * 1024), ...ctFiles(11, 5)]
    expect(await storeOnce(kurir, second)).toEqual(second.map(() => 0))
    await untilSettled(kurir, ['sound'])
    const expected = [...first, ...second].map(digestOf).sort()
    expect(await sound.digests()).toEqual(expected)
    await kurir.logged('destination-down', ofFaulty)
    faulty.child.kill('SIGCONT')
    await untilSettled(kurir)
    // What it had already been given before it hung it may get a second time.
    expect([...new Set(await faulty.digests())].sort()).toEqual(expected)
  })

  test('that is killed under load and started again has everything in the end', async () => {
    await using site = await openSite('archive-killed')
    const faulty = await site.archive('faulty')
    const { kurir, sound } = await between(site, faulty)
    const files = ctFiles(1, 120, 100_000)
    const sending = Promise.all(
      [0, 1, 2, 3].map((quarter) => storeOnce(kurir, files.slice(quarter * 30, quarter * 30 + 30))),
    )
    await kurir.logged('delivery-settled', (line) => ofFaulty(line) && line['state'] === 'DELIVERED')
    await faulty[Symbol.asyncDispose]()
    expect((await sending).flat()).toEqual(files.map(() => 0))
    await untilSettled(kurir, ['sound'])
    const expected = files.map(digestOf).sort()
    expect(await sound.digests()).toEqual(expected)
    await kurir.logged('destination-down', ofFaulty)
    const restarted = await site.archive('faulty', [], faulty.port)
    await untilSettled(kurir)
    // What it was writing when it was killed is still there, as far as it got.
    const arrived = await restarted.digests('left-out')
    expect(expected.filter((digest) => !arrived.includes(digest))).toEqual([])
  })

  test('that never answers a release keeps nothing waiting', async () => {
    await using site = await openSite('archive-release')
    await using archive = await recordingServer()
    await using between = await swallowReleases(archive.port)
    await site.rules(forwardTo({ archive: between.port }))
    const kurir = await site.start()
    const files = ctFiles(1, 2)
    for (const [index, file] of files.entries()) {
      expect(await storeOnce(kurir, [file])).toEqual([0])
      await untilSettled(kurir)
      // The second one travels while the first association still waits for its answer.
      expect(between.closed).toBe(0)
      if (index === 0) await between.released
    }
    expect(archive.received.map(({ bytes }) => sha256(bytes))).toEqual(files.map(digestOf))
  })

  test('that does not exist yet gets everything when it comes', async () => {
    await using site = await openSite('archive-late')
    const port = await freePort()
    const { kurir, sound } = await between(site, { port })
    const files = ctFiles(1, 20)
    expect(await storeOnce(kurir, files)).toEqual(files.map(() => 0))
    await untilSettled(kurir, ['sound'])
    await kurir.logged('destination-down', ofFaulty)
    const late = await site.archive('late', [], port)
    await untilSettled(kurir)
    expect(await late.digests()).toEqual(await sound.digests())
    expect(new Set(await attempts(kurir))).toEqual(new Set(['DELIVERED']))
  })
})

/** A way to the archive on which every A-RELEASE-RQ gets lost. */
async function swallowReleases(port: number) {
  const released = Promise.withResolvers<void>()
  const seen = { closed: 0 }
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    for (const socket of [near, far]) sockets.add(socket.on('error', () => {}))
    near.on('data', (chunk) => {
      const isRelease = chunk.length === 10 && chunk[0] === 5
      if (isRelease) released.resolve()
      else far.write(chunk)
    })
    near.on('close', () => {
      seen.closed += 1
      far.destroy()
    })
    far.on('data', (chunk) => near.write(chunk))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    released: released.promise,
    /** Connections that Kurir has closed. */
    get closed(): number {
      return seen.closed
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
