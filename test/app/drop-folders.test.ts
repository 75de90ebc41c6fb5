import { readdir, readFile, rename, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { dropFolders } from '../../src/app/drop-folders.ts'
import { siteFolders, startApp } from '../support/app-in-process.ts'
import { ctInstance } from '../support/data-set.ts'
import { dataSetOf } from '../support/data-set-bytes.ts'
import { untilFile } from '../support/until-file.ts'

test('what is put into a drop folder is routed by its door, byte for byte', async () => {
  await using folders = await siteFolders('')
  const drop = join(folders.home, 'drop')
  const outbox = join(folders.home, 'outbox')
  await folders.write({
    '00.yaml': `version: 1
destinations:
  outbox: { folder: { path: ${outbox}, layout: "{SOPInstanceUID}.dcm" } }
rules:
  - name: dropped
    match: { door: folder }
    forward: [outbox]
`,
  })
  await using app = await startApp({ ...folders, environment: { ...folders.environment, KURIR_DROP_DIR: drop } })
  const { file, sopInstanceUid } = ctInstance({ sizeBytes: 4096 })
  const temporary = join(folders.home, 'temporary')
  await writeFile(temporary, file)
  await utimes(temporary, 0, 1_600_000_000)
  await rename(temporary, join(drop, 'a.dcm'))
  const sent = await untilFile(join(outbox, `${sopInstanceUid}.dcm`))
  expect(dataSetOf(await readFile(sent)).equals(dataSetOf(file))).toBe(true)
  await untilFile(join(drop, 'done/a.dcm'))
  expect((await readdir(drop)).sort()).toEqual(['done', 'refused'])
  const { health } = await app.ask<{ health: { problems: readonly string[] } }>('{ health { problems } }')
  expect(health.problems).toEqual([])
})

test('a drop folder cannot stand in the data folder, nor hold it, nor be the same as another', () => {
  const site = { dataDir: '/srv/kurir/data', rulesDir: '/srv/kurir/rules' }
  expect(dropFolders({ ...site, dropDirs: ['/srv/drop', '/srv/kurir/drop'] })).toEqual(['/srv/drop', '/srv/kurir/drop'])
  for (const dropDirs of [['/srv/kurir/data/spool'], ['/srv/kurir'], ['/srv/kurir/rules'], ['/a', '/a/b']]) {
    expect(() => dropFolders({ ...site, dropDirs })).toThrow('stand one in the other')
  }
})
