import { spawn } from 'node:child_process'
import { readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import {
  end,
  freePort,
  plainPeerEnv,
  quickPeerEnv,
  startKurir,
  startStorescp,
  untilListening,
} from '../support/processes.ts'
import { countFlushes, type FlushCount } from './flushes.ts'
import { kurirFolders } from './folders.ts'
import { forwardRules, type Material } from './material.ts'
import type { Results } from './result.ts'
import { scratchDir } from './scratch.ts'
import { sendFolder } from './senders.ts'
import { median } from './statistics.ts'

/**
 * From the first byte sent until the last file has arrived at the archive, against sending straight there. A few go the same
 * way before.
 */
export async function benchForward(material: Material, few: Material, rounds: number, results: Results): Promise<void> {
  const direct: number[] = []
  const through: number[] = []
  for (let round = -1; round < rounds; round++) {
    const directTime = await directly(material, few)
    const throughTime = await throughKurir(material, few)
    if (round < 0) continue
    direct.push(material.count / directTime)
    through.push(material.count / throughTime)
  }
  results.add({ name: 'forward.direct_per_s', value: median(direct), unit: 'instances/s' })
  results.add({ name: 'forward.kurir_per_s', value: median(through), unit: 'instances/s' })
  const ratio = median(through.map((rate, round) => rate / (direct[round] ?? Number.NaN)))
  results.add({ name: 'forward.ratio_vs_direct', value: ratio, unit: 'x', target: { atLeast: 0.5 } })
}

/**
 * Orthanc is asked to do the same with a Lua script that forwards each stored instance: with `TCP_NODELAY=1` as all peers, and
 * as a hospital starts it, without; then it waits for the archive's delayed acknowledgements, which is no merit of ours.
 */
export async function benchAgainstOrthanc(material: Material, few: Material, results: Results): Promise<void> {
  const target = { atLeast: 5 } as const
  const quick = await throughOrthanc(few, quickPeerEnv).catch((error: unknown) => {
    if (error instanceof Error && error.message.includes('ENOENT')) return undefined
    throw error
  })
  if (quick === undefined) {
    results.add({ name: 'forward.ratio_vs_orthanc', value: null, unit: 'x', target, missing: 'Orthanc' })
    return
  }
  const plain = await throughOrthanc(few, plainPeerEnv)
  const kurirRate = material.count / (await throughKurir(material, few))
  results.add({ name: 'forward.orthanc_per_s', value: few.count / quick, unit: 'instances/s' })
  results.add({ name: 'forward.ratio_vs_orthanc', value: (kurirRate * quick) / few.count, unit: 'x', target })
  results.add({ name: 'forward.orthanc_as_installed_per_s', value: few.count / plain, unit: 'instances/s' })
  results.add({ name: 'forward.ratio_vs_orthanc_as_installed', value: (kurirRate * plain) / few.count, unit: 'x' })
}

/** What planning, sending and settling add to the flushes of receiving. */
export async function benchForwardFlushes(material: Material, received: FlushCount, results: Results): Promise<void> {
  await using dir = await scratchDir('bench-archive')
  await using archive = await startStorescp(dir.path)
  const all = await countFlushes(material, forwardRules(archive.port, 1), async (port) => {
    await sendFolder(material.all, port, 'KURIR')
    await untilArrived(dir.path, material.count)
  })
  const figure =
    all.value === null || received.value === null
      ? { value: null, missing: 'strace' }
      : { value: all.value - received.value }
  results.add({ name: 'forward.flushes_per_object', ...figure, unit: 'flushes', target: { atMost: 0.3 } })
}

async function directly(material: Material, few: Material): Promise<number> {
  await using dir = await scratchDir('bench-direct')
  await using archive = await startStorescp(dir.path)
  await sendFolder(few.all, archive.port, 'ARCHIVE')
  return await sendFolder(material.all, archive.port, 'ARCHIVE')
}

async function throughKurir(material: Material, few: Material): Promise<number> {
  await using dir = await scratchDir('bench-archive')
  await using archive = await startStorescp(dir.path)
  await using home = await scratchDir('bench-kurir')
  await using kurir = await startKurir(await kurirFolders(home.path, forwardRules(archive.port, 2)))
  await sendFolder(few.all, kurir.dicomPort, 'KURIR')
  await untilArrived(dir.path, few.count)
  const started = performance.now()
  await sendFolder(material.all, kurir.dicomPort, 'KURIR')
  await untilArrived(dir.path, few.count + material.count)
  return (performance.now() - started) / 1000
}

const AUTOROUTE = `function OnStoredInstance(instanceId, tags, metadata)
  SendToModality(instanceId, 'archive')
end
`

async function throughOrthanc(material: Material, env: NodeJS.ProcessEnv): Promise<number> {
  await using dir = await scratchDir('bench-archive')
  await using archive = await startStorescp(dir.path)
  await using home = await scratchDir('bench-orthanc')
  const port = await freePort()
  await writeFile(path.join(home.path, 'route.lua'), AUTOROUTE)
  const configuration = {
    StorageDirectory: path.join(home.path, 'db'),
    IndexDirectory: path.join(home.path, 'db'),
    LuaScripts: [path.join(home.path, 'route.lua')],
    DicomPort: port,
    HttpServerEnabled: false,
    DicomModalities: { archive: ['ARCHIVE', '127.0.0.1', archive.port] },
  }
  await writeFile(path.join(home.path, 'orthanc.json'), JSON.stringify(configuration))
  const child = spawn('Orthanc', [path.join(home.path, 'orthanc.json')], { stdio: 'ignore', env })
  const failed = new Promise<never>((_, reject) => child.once('error', reject))
  try {
    await Promise.race([untilListening(port, child), failed])
    const started = performance.now()
    await sendFolder(material.all, port, 'ORTHANC')
    await untilArrived(dir.path, material.count)
    return (performance.now() - started) / 1000
  } finally {
    if (child.pid !== undefined) await end(child)
  }
}

/** Looks now and then, which costs little beside what is measured: storescp tells nobody that a file has come. */
export async function untilArrived(dir: string, count: number): Promise<void> {
  for (;;) {
    const arrived = (await readdir(dir)).length
    if (arrived >= count) return
    await delay(40)
  }
}
