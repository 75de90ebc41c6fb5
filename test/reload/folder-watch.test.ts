import { appendFile, mkdir, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { ms, systemClock } from '../../src/base/clock.ts'
import { FolderWatch } from '../../src/reload/folder-watch.ts'
import { readRulesFolder } from '../../src/rules/read-rules-folder.ts'
import { ReadableLog } from '../admin/admin-fixture.ts'
import { temporaryDir } from '../support/processes.ts'

let stack: AsyncDisposableStack
let home: string
let folder: string

beforeEach(async () => {
  stack = new AsyncDisposableStack()
  home = stack.use(await temporaryDir('watch')).path
  folder = path.join(home, 'rules')
  await mkdir(folder)
})
afterEach(async () => await stack.disposeAsync())

interface Told {
  /** What the files held each time a change was told. */
  readonly texts: Promise<string>[]
  /** Resolves with what is read when the next change is told, and how long that took. */
  next(): Promise<{ readonly text: string; readonly tookMs: number }>
}

/** The looking anyway is out of the way unless it is what is tested. */
async function watching(lookAnyway = 3_600_000): Promise<Told> {
  const texts: Promise<string>[] = []
  let tell = (_: Promise<string>): void => {}
  const changed = (): Promise<boolean> => {
    const text = readRulesFolder(folder).then((read) =>
      'files' in read
        ? read.files.map(({ name, bytes }) => `${path.basename(name)}=${Buffer.from(bytes)}`).join(' ')
        : '-',
    )
    texts.push(text)
    tell(text)
    return Promise.resolve(true)
  }
  const deps = { folder, clock: systemClock, log: new ReadableLog(), changed, lookAnyway: ms(lookAnyway) }
  stack.use(FolderWatch.start(deps))
  const told: Told = {
    texts,
    next: async () => {
      const startedAt = performance.now()
      const text = await new Promise<Promise<string>>((resolve) => {
        tell = resolve
      })
      return { text: await text, tookMs: performance.now() - startedAt }
    },
  }
  // The watcher does not say when it is ready: the first change that it tells of does.
  let ready = false
  const first = told.next().finally(() => {
    ready = true
  })
  let written = ''
  for (let i = 0; !ready; i += 1) {
    written = `ready ${i}`
    await write('00.yaml', written)
    await Promise.race([first, new Promise((resolve) => setTimeout(resolve, 400))])
  }
  // The last of these writes may be a change of its own.
  for (let next = told.next(); !(await texts.at(-1))?.includes(`00.yaml=${written}`); next = told.next()) await next
  texts.length = 0
  return told
}

const write = (name: string, text: string) => writeFile(path.join(folder, name), text)
const still = () => new Promise((resolve) => setTimeout(resolve, 1_000))

test('a file that is written, moved into place, or removed is a change, within two seconds', async () => {
  const told = await watching()
  let next = told.next()
  await write('00.yaml', 'a')
  expect(await next).toMatchObject({ text: '00.yaml=a' })
  next = told.next()
  await writeFile(path.join(home, 'aside'), 'b')
  await rename(path.join(home, 'aside'), path.join(folder, '00.yaml'))
  expect(await next).toMatchObject({ text: '00.yaml=b' })
  next = told.next()
  await mkdir(path.join(folder, 'cases'))
  await write('cases/all.yaml', 'c')
  expect(await next).toMatchObject({ text: '00.yaml=b all.yaml=c' })
  next = told.next()
  await unlink(path.join(folder, '00.yaml'))
  const last = await next
  expect(last.text).toBe('all.yaml=c')
  expect(last.tookMs).toBeLessThan(2_000)
})

test('an editor’s own files are no change; its saving by moving files about is one', async () => {
  const told = await watching()
  await write('.00.yaml.swp', 'x')
  await write('4913', '')
  await unlink(path.join(folder, '4913'))
  await write('00.yaml~', 'old')
  await write('#00.yaml#', 'x')
  await write('.#00.yaml', 'x')
  await still()
  expect(told.texts).toEqual([])
  const next = told.next()
  await rename(path.join(folder, '00.yaml'), path.join(folder, '00.yaml~'))
  await write('00.yaml', 'saved')
  for (let i = 0; i < 10; i += 1) await appendFile(path.join(folder, '.00.yaml.swp'), 'more')
  expect((await next).text).toBe('00.yaml=saved')
  await still()
  expect(told.texts).toHaveLength(1)
})

test('a file that is still being written is waited for', async () => {
  const told = await watching()
  const next = told.next()
  await write('00.yaml', 'one')
  for (const word of [' two', ' three', ' four']) {
    await new Promise((resolve) => setTimeout(resolve, 150))
    await appendFile(path.join(folder, '00.yaml'), word)
  }
  expect((await next).text).toBe('00.yaml=one two three four')
  await still()
  expect(told.texts).toHaveLength(1)
})

test('files that are links into a folder behind a link that is switched, as Kubernetes does, are one change', async () => {
  await mkdir(path.join(folder, '..1'))
  await write('..1/10.yaml', 'first')
  await symlink('..1', path.join(folder, '..data'))
  await symlink('..data/10.yaml', path.join(folder, '10.yaml'))
  const told = await watching()
  const next = told.next()
  await mkdir(path.join(folder, '..2'))
  await write('..2/10.yaml', 'other')
  await symlink('..2', path.join(folder, '..data_tmp'))
  await rename(path.join(folder, '..data_tmp'), path.join(folder, '..data'))
  await rm(path.join(folder, '..1'), { recursive: true })
  const { text, tookMs } = await next
  expect(text).toMatch(/10\.yaml=other$/)
  expect(tookMs).toBeLessThan(2_000)
})

test('a folder that is replaced by another, or taken away and put back, is seen by looking anyway, and watched from then on', async () => {
  const told = await watching(200)
  let next = told.next()
  await rename(folder, path.join(home, 'old'))
  await mkdir(folder)
  await write('20.yaml', 'new folder')
  while ((await next).text !== '20.yaml=new folder') next = told.next()
  // The new one is watched, not the one that was moved away.
  next = told.next()
  await writeFile(path.join(home, 'old', '00.yaml'), 'nobody looks')
  await write('20.yaml', 'and changed')
  while ((await next).text !== '20.yaml=and changed') next = told.next()
  next = told.next()
  await rm(folder, { recursive: true })
  expect((await next).text).toBe('-')
  next = told.next()
  await mkdir(folder)
  await write('30.yaml', 'back')
  while ((await next).text !== '30.yaml=back') next = told.next()
})

test('a folder that is a link which is switched is seen by looking anyway', async () => {
  await rename(folder, path.join(home, 'release-1'))
  await symlink('release-1', folder)
  const told = await watching(200)
  const next = told.next()
  await mkdir(path.join(home, 'release-2'))
  await writeFile(path.join(home, 'release-2', '00.yaml'), 'second')
  await symlink('release-2', path.join(home, 'next'))
  await rename(path.join(home, 'next'), folder)
  expect((await next).text).toBe('00.yaml=second')
})

test('a disposed one tells nothing any more', async () => {
  const told = await watching(50)
  await stack.disposeAsync()
  stack = new AsyncDisposableStack()
  await mkdir(folder, { recursive: true })
  await write('00.yaml', 'late')
  await still()
  expect(told.texts).toEqual([])
  await rm(home, { recursive: true, force: true })
})
