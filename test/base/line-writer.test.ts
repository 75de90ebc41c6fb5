import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { LineWriter } from '../../src/base/line-writer.ts'
import { temporaryDir } from '../support/processes.ts'

let stack: AsyncDisposableStack
beforeEach(() => {
  stack = new AsyncDisposableStack()
})
afterEach(async () => await stack.disposeAsync())

/** A pipe of which neither side waits for the other. */
async function pipe(): Promise<{ readonly from: number; readonly to: number }> {
  const { path: folder } = stack.use(await temporaryDir('line-writer'))
  const fifo = path.join(folder, 'fifo')
  execFileSync('mkfifo', [fifo])
  const [from, to] = [constants.O_RDONLY, constants.O_WRONLY].map((flag) => openSync(fifo, flag | constants.O_NONBLOCK))
  if (from === undefined || to === undefined) throw new Error('both are open')
  stack.defer(() => closeSync(to))
  return { from, to }
}

const lines = (first: number, count: number): readonly string[] =>
  Array.from({ length: count }, (_, n) => `${JSON.stringify({ line: first + n, fill: 'é'.repeat(90) })}\n`)

test('lines for a reader that is slow are kept whole and in order; how many were too many is said', async () => {
  const { from, to } = await pipe()
  const lost = Promise.withResolvers<number>()
  const writer = new LineWriter(to, lost.resolve)
  const all = lines(0, 20_000)
  for (const line of all) writer.write(line)
  const read: Buffer[] = []
  const reader = new Socket({ fd: from, readable: true }).on('data', (piece) => read.push(piece))
  stack.defer(() => void reader.destroy())
  const kept = all.length - (await lost.promise)
  expect(kept).toBeGreaterThan(1_000_000 / 120)
  const wanted = Buffer.from(all.slice(0, kept).join(''))
  // What was written last may be on its way still.
  while (Buffer.concat(read).length < wanted.length) await once(reader, 'data')
  expect(Buffer.concat(read)).toEqual(wanted)
})

test('a disk that is full throws nothing and is waited for by nobody', () => {
  const full = openSync('/dev/full', 'w')
  stack.defer(() => closeSync(full))
  const writer = new LineWriter(full, () => {})
  for (const line of lines(0, 500)) {
    writer.write(line)
    writer.flush()
  }
  writer.end()
})

test('when nobody reads any more, nothing is kept', async () => {
  const { from, to } = await pipe()
  closeSync(from)
  const lost: number[] = []
  const writer = new LineWriter(to, (count) => lost.push(count))
  for (const line of lines(0, 20_000)) writer.write(line)
  writer.end()
  expect(lost).toEqual([])
})
