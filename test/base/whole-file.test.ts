import { once } from 'node:events'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import { expect, test } from '@jest/globals'
import { writeWhole } from '../../src/base/whole-file.ts'
import { temporaryDir } from '../support/processes.ts'

test('a file that is written whole has its text, its permissions, and nothing beside it', async () => {
  await using dir = await temporaryDir('whole')
  const file = path.join(dir.path, 'secret')
  await writeFile(file, 'what stood there before, longer', { mode: 0o644 })
  await writeFile(`${file}.new`, 'what a killed process left')
  await writeWhole(file, 'new', 0o600)
  expect(await readFile(file, 'utf8')).toBe('new')
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect(await readdir(dir.path)).toEqual(['secret'])
})

// Reads as fast as it can until it is told to stop, and tells the lengths that it saw.
const READER = `
const { readFileSync } = require('node:fs')
const { parentPort, workerData } = require('node:worker_threads')
const lengths = new Set()
const halt = new Int32Array(workerData.halt)
parentPort.postMessage('reading')
while (Atomics.load(halt, 0) === 0) lengths.add(readFileSync(workerData.file).length)
parentPort.postMessage([...lengths])
`

test('nobody who reads a file while it is written finds half of it', async () => {
  await using dir = await temporaryDir('whole')
  const file = path.join(dir.path, 'ready.json')
  const text = 'x'.repeat(100_000)
  await writeWhole(file, text)
  const halt = new SharedArrayBuffer(4)
  const reader = new Worker(READER, { eval: true, workerData: { file, halt } })
  await once(reader, 'message')
  for (let time = 0; time < 50; time += 1) await writeWhole(file, text)
  Atomics.store(new Int32Array(halt), 0, 1)
  expect(await once(reader, 'message')).toEqual([[text.length]])
})

test('a folder that has the name is left as it is', async () => {
  await using dir = await temporaryDir('whole')
  const file = path.join(dir.path, 'taken')
  await mkdir(file)
  await expect(writeWhole(file, 'new')).rejects.toThrow('EISDIR')
})
