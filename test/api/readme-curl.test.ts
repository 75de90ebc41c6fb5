import { execFile } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { buffer } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { expect } from '@jest/globals'
import { ZipFile } from 'yazl'
import { siteFolders, startApp } from '../support/app-in-process.ts'
import { ctInstance } from '../support/data-set.ts'
import { ask } from '../support/graphql-client.ts'
import { testWithPeers } from '../support/peers.ts'
import { repositoryDir, temporaryDir } from '../support/processes.ts'

const RULES = 'version: 1\nrules:\n  - name: everything\n    hold: to be looked at\n'
const MAKE_TOKEN = `mutation { tokenCreate(input: { name: "his", roles: [INGEST, INTEGRATOR] }) {
  ... on TokenCreateSuccess { token } } }`

/** What is copied into a shell from the page, and the answer that it gets there. */
const ANSWERS = [
  [/upload$/, /"status":"success"/],
  [/PatientID=/, /"0020000D"/],
  [/download/, /^/],
] as const

testWithPeers(['curl'], 'the README’s lines for uploading, searching and downloading do what it says', async () => {
  await using folders = await siteFolders(RULES)
  await using app = await startApp(folders)
  await using dir = await temporaryDir('readme')
  const { token } = (
    await ask<{ tokenCreate: { token: string } }>({ adminPort: app.adminPort, dataDir: folders.dataDir }, MAKE_TOKEN)
  ).tokenCreate
  await writeFile(path.join(dir.path, 'scan.dcm'), ctInstance({ instanceNumber: 1, sizeBytes: 4_096 }).file)
  const zip = new ZipFile()
  for (const number of [2, 3])
    zip.addBuffer(ctInstance({ instanceNumber: number, sizeBytes: 4_096 }).file, `${number}.dcm`)
  zip.end()
  await writeFile(path.join(dir.path, 'study.zip'), await buffer(zip.outputStream))

  const readme = await readFile(path.join(repositoryDir, 'README.md'), 'utf8')
  for (const [kind, answer] of ANSWERS) {
    const lines = readme.split('\n').filter((line) => line.startsWith('curl ') && kind.test(line.replaceAll("'", '')))
    expect(lines).toHaveLength(1)
    const command = (lines[0] ?? '')
      .replace('http://127.0.0.1:8080', `http://127.0.0.1:${app.httpPort}`)
      .replace('STUDY-UID', '2.25.314159')
      .replace(/^curl /, 'curl -sS -f ')
    const { stdout } = await promisify(execFile)('sh', ['-c', command], {
      cwd: dir.path,
      env: { ...process.env, TOKEN: token },
    })
    expect(stdout).toMatch(answer)
  }
  const downloaded = (await readdir(dir.path)).filter((name) => name !== 'scan.dcm' && name !== 'study.zip')
  expect(downloaded).toHaveLength(1)
  expect((await readFile(path.join(dir.path, downloaded[0] ?? ''))).toString('latin1', 0, 2)).toBe('PK')
})
