import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readdir, readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import path from 'node:path'
import { ingestToken } from '../support/ingest-token.ts'
import { type KurirProcess, startKurir } from '../support/processes.ts'
import { BOUNDARY, relatedType } from '../support/stow-bodies.ts'
import { kurirFolders } from './folders.ts'
import { DISCARD_RULES, type Material } from './material.ts'
import { memoryGrowth, writeHuge } from './memory.ts'
import type { Results } from './result.ts'
import { scratchDir } from './scratch.ts'
import { sendFolders } from './senders.ts'
import { median } from './statistics.ts'

/** How fast eight STOW clients store the eighths, against eight storescu at the DIMSE door; rounds interleaved. */
export async function benchStow(material: Material, rounds: number, results: Results): Promise<void> {
  await using dir = await scratchDir('bench-stow')
  const bodies: string[] = []
  for (const [at, folder] of material.eighths.entries())
    bodies.push(await writeBody(folder, path.join(dir.path, `${at}`)))
  const dimse: number[] = []
  const stow: number[] = []
  for (let round = -1; round < rounds; round++) {
    const dimseTime = await inKurir((kurir) => sendFolders(material.eighths, kurir.dicomPort, 'KURIR'))
    const stowTime = await inKurir(async (kurir, token) => {
      const started = performance.now()
      await Promise.all(bodies.map((body) => post(kurir, token, body)))
      return (performance.now() - started) / 1000
    })
    if (round < 0) continue
    dimse.push(material.count / dimseTime)
    stow.push(material.count / stowTime)
  }
  results.add({ name: 'stow8.dimse_per_s', value: median(dimse), unit: 'instances/s' })
  results.add({ name: 'stow8.kurir_per_s', value: median(stow), unit: 'instances/s' })
  const ratio = median(stow.map((rate, round) => rate / (dimse[round] ?? Number.NaN)))
  results.add({ name: 'stow8.ratio_vs_dimse', value: ratio, unit: 'x', target: { atLeast: 0.8 } })
}

/** How much longer a healthy client takes while 200 others have stopped in the middle of theirs. */
export async function benchStalledClients(material: Material, results: Results): Promise<void> {
  await using dir = await scratchDir('bench-stalled')
  const body = await writeBody(material.all, path.join(dir.path, 'body'))
  const ratios: number[] = []
  for (let round = 0; round < 5; round++) {
    const [alone, among] = await inKurir(async (kurir, token) => {
      const timed = async (): Promise<number> => {
        const started = performance.now()
        await post(kurir, token, body)
        return performance.now() - started
      }
      await timed()
      const alone = await timed()
      const stalled = await stall(kurir, token, 200)
      const among = await timed()
      for (const socket of stalled) socket.destroy()
      return [alone, among] as const
    })
    ratios.push(among / alone)
  }
  results.add({ name: 'stow.stalled_slowdown', value: median(ratios), unit: 'x', target: { atMost: 1.1 } })
}

/** How much memory one part of that size takes while it comes in. */
export async function benchStowMemory(sizeBytes: number, results: Results): Promise<void> {
  await using dir = await scratchDir('bench-stow-huge')
  const [huge, warm] = [path.join(dir.path, 'huge.dcm'), path.join(dir.path, 'warm.dcm')]
  await writeHuge(huge, sizeBytes)
  await writeHuge(warm, 8 * 2 ** 20)
  await inKurir(async (kurir, token) => {
    await post(kurir, token, warm, 'application/dicom')
    const growth = await memoryGrowth(kurir.child.pid, async () => {
      await post(kurir, token, huge, 'application/dicom')
    })
    results.add({ name: 'stow.rss_growth_mb', value: growth, unit: 'MB', target: { atMost: 100 } })
    results.add({ name: 'stow.part_mb', value: sizeBytes / 2 ** 20, unit: 'MB' })
  })
}

async function inKurir<Result>(work: (kurir: KurirProcess, token: string) => Promise<Result>): Promise<Result> {
  await using dir = await scratchDir('bench-kurir')
  await using kurir = await startKurir(await kurirFolders(dir.path, DISCARD_RULES))
  return await work(kurir, await ingestToken(kurir))
}

/** All files of a folder as one multipart body on disk. */
async function writeBody(folder: string, file: string): Promise<string> {
  await using body = await open(file, 'w')
  for (const name of await readdir(folder)) {
    await body.write(`--${BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n`)
    await body.write(await readFile(path.join(folder, name)))
    await body.write('\r\n')
  }
  await body.write(`--${BOUNDARY}--\r\n`)
  return file
}

/** One request of curl, which reads the file as it sends. Rejects unless everything was stored. */
async function post(
  kurir: KurirProcess,
  token: string,
  file: string,
  type = relatedType()['content-type'],
): Promise<void> {
  const headers = [`Authorization: Bearer ${token}`, `Content-Type: ${type}`, 'Expect:']
  const args = ['-sS', '-f', '-o', '/dev/null', '-X', 'POST', '-T', file, ...headers.flatMap((one) => ['-H', one])]
  const child = spawn('curl', [...args, `http://127.0.0.1:${kurir.httpPort}/studies`], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`curl ended with ${code}`)
}

async function stall(kurir: KurirProcess, token: string, count: number) {
  const head = `POST /studies HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/dicom\r\nContent-Length: 999999\r\n\r\n`
  const sockets = Array.from({ length: count }, () => connect(kurir.httpPort, '127.0.0.1'))
  for (const socket of sockets) {
    socket.on('error', () => {})
    await new Promise((resolve) => socket.write(`${head}${'x'.repeat(50)}`, resolve))
  }
  return sockets
}
