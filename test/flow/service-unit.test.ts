import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { expect, test } from '@jest/globals'
import { ctInstance } from '../support/data-set.ts'
import { peerPath } from '../support/peers.ts'
import { repositoryDir, temporaryDir } from '../support/processes.ts'
import { storeAll } from '../support/store-all.ts'
import { untilFile } from '../support/until-file.ts'

async function unitOfReadme(): Promise<string> {
  const readme = await readFile(path.join(repositoryDir, 'README.md'), 'utf8')
  return /```ini\n([^`]*)```/.exec(readme)?.[1] ?? ''
}

/** What a key of the unit in README.md says; the first, where there are several. */
async function saidInUnit(key: string, home: string): Promise<string> {
  const [, value = ''] = new RegExp(`^${key}=(.+)$`, 'm').exec(await unitOfReadme()) ?? []
  return value.replaceAll('/opt/kurir', repositoryDir).replaceAll('/var/lib/kurir', home)
}

test('the systemd unit of README.md starts a Kurir that keeps everything below its own folder', async () => {
  await using dir = await temporaryDir('unit')
  const home = path.join(dir.path, 'state')
  await mkdir(home, { mode: 0o700 })
  const [program, ...args] = (await saidInUnit('ExecStart', home)).split(' ')
  const [setting = '', value] = (await saidInUnit('Environment', home)).split('=')
  expect([program, await saidInUnit('WorkingDirectory', home)]).toEqual(['/usr/bin/node', home])

  const ports = { KURIR_DICOM_PORT: '0', KURIR_HTTP_PORT: '0', KURIR_ADMIN_PORT: '0' }
  const env = { PATH: process.env['PATH'], [setting]: value, ...ports }
  const kurir = spawn(process.execPath, args, { cwd: home, env, stdio: ['ignore', 'pipe', 'inherit'] })
  await using ending = new AsyncDisposableStack()
  ending.defer(() => void kurir.kill('SIGKILL'))
  let dicomPort = 0
  for await (const line of createInterface({ input: kurir.stdout })) {
    const said = JSON.parse(line)
    if (said.event === 'ready') dicomPort = said.dicomPort
    if (said.event === 'ready') break
  }
  const made = ctInstance({ sizeBytes: 4_096, studyInstanceUid: '2.25.7' })
  await storeAll(
    dicomPort,
    () => [made.file],
    (_file, status) => expect(status).toBe(0),
  )
  await untilFile(path.join(home, `data/outbox/2.25.7/${made.sopInstanceUid}.dcm`))
  const gone = once(kurir, 'exit')
  kurir.kill('SIGTERM')
  expect(await gone).toEqual([0, null])
}, 60_000)

test('the systemd unit of README.md forbids what Kurir need not do', async () => {
  const unit = await unitOfReadme()
  for (const line of [
    'User=kurir',
    'NoNewPrivileges=yes',
    'ProtectSystem=strict',
    'PrivateTmp=yes',
    'StateDirectoryMode=0700',
  ]) {
    expect(unit.split('\n')).toContain(line)
  }
  const judge = peerPath('systemd-analyze')
  if (judge === undefined) return
  await using dir = await temporaryDir('unit')
  const file = path.join(dir.path, 'kurir.service')
  await writeFile(file, unit)
  // An exposure above 2.0 is an exit code (systemd-analyze(1)).
  await promisify(execFile)(judge, ['security', '--offline=yes', '--threshold=20', '--no-pager', file])
})
