import { startKurir, startStorescp } from '../support/processes.ts'
import { countFlushes, type FlushCount } from './flushes.ts'
import { kurirFolders } from './folders.ts'
import { DISCARD_RULES, type Material } from './material.ts'
import type { Results } from './result.ts'
import { scratchDir } from './scratch.ts'
import { sendFolder, sendFolders } from './senders.ts'
import { median } from './statistics.ts'

type Send = (material: Material, port: number, calledAe: string) => Promise<number>

/**
 * How fast Kurir takes instances in durably, against dcmtk's storescp, which does not flush; rounds interleaved. Every process
 * is sent a few before it is measured.
 */
export async function benchReceive(material: Material, few: Material, rounds: number, results: Results): Promise<void> {
  const one: Send = ({ all }, port, calledAe) => sendFolder(all, port, calledAe)
  const eight: Send = ({ eighths }, port, calledAe) => sendFolders(eighths, port, calledAe)
  const warmed =
    (send: Send): Time =>
    async (port, calledAe) => {
      await send(few, port, calledAe)
      return await send(material, port, calledAe)
    }
  await compare('receive', warmed(one), [], 0.7, material, rounds, results)
  await compare('receive8', warmed(eight), ['--fork'], 0.8, material, rounds, results)
}

type Time = (port: number, calledAe: string) => Promise<number>

async function compare(
  name: string,
  send: Time,
  storescpArgs: readonly string[],
  target: number,
  material: Material,
  rounds: number,
  results: Results,
): Promise<void> {
  const peer: number[] = []
  const ours: number[] = []
  for (let round = -1; round < rounds; round++) {
    const theirTime = await storescpTime(send, storescpArgs)
    const ourTime = await kurirTime(send)
    // Round -1 warms both up.
    if (round < 0) continue
    peer.push(material.count / theirTime)
    ours.push(material.count / ourTime)
  }
  results.add({ name: `${name}.storescp_per_s`, value: median(peer), unit: 'instances/s' })
  results.add({ name: `${name}.kurir_per_s`, value: median(ours), unit: 'instances/s' })
  const ratio = median(ours.map((rate, round) => rate / (peer[round] ?? Number.NaN)))
  results.add({ name: `${name}.ratio_vs_storescp`, value: ratio, unit: 'x', target: { atLeast: target } })
}

async function storescpTime(send: Time, args: readonly string[]): Promise<number> {
  await using dir = await scratchDir('bench-storescp')
  await using storescp = await startStorescp(dir.path, args)
  return await send(storescp.port, 'ARCHIVE')
}

async function kurirTime(send: Time): Promise<number> {
  await using dir = await scratchDir('bench-kurir')
  await using kurir = await startKurir(await kurirFolders(dir.path, DISCARD_RULES))
  return await send(kurir.dicomPort, 'KURIR')
}

/** What one instance costs in flushes, counted by strace while it is received. */
export async function benchReceiveFlushes(material: Material, results: Results): Promise<FlushCount> {
  const one = await countFlushes(material, DISCARD_RULES, (port) => sendFolder(material.all, port, 'KURIR'))
  const eight = await countFlushes(material, DISCARD_RULES, (port) => sendFolders(material.eighths, port, 'KURIR'))
  const shared = { unit: 'flushes' } as const
  results.add({ name: 'receive.flushes_per_object', ...one, ...shared, target: { atMost: 2 } })
  results.add({ name: 'receive8.flushes_per_object', ...eight, ...shared, target: { atMost: 1.2 } })
  return one
}
