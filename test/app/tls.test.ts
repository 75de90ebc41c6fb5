import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from '@jest/globals'
import { commandLine } from '../cli/command-line.ts'
import { siteFolders, startApp } from '../support/app-in-process.ts'
import { ctInstance } from '../support/data-set.ts'
import { recordingServer } from '../support/dimse-server.ts'
import { peerPath, testWithPeers } from '../support/peers.ts'
import { storeAll } from '../support/store-all.ts'
import { untilSettled } from '../support/until-settled.ts'

testWithPeers(
  ['openssl'],
  'a destination with TLS is reached by deliveries and by commands, and no other is trusted',
  async () => {
    await using stack = new AsyncDisposableStack()
    const site = stack.use(await siteFolders('version: 1\n'))
    const file = (name: string): string => path.join(site.home, name)
    for (const name of ['archive', 'stranger']) makeCertificate(file(`${name}.key`), file(`${name}.crt`))
    const [key, cert] = ['key', 'crt'].map((ending) => readFileSync(file(`archive.${ending}`)))
    const archive = stack.use(await recordingServer({ tls: { ...(key && { key }), ...(cert && { cert }) } }))
    const reach = (ca: string) =>
      `{ dimse: { ae: "ARCHIVE@127.0.0.1:${archive.port}", tls: { ca_file: "${file(ca)}" } } }`
    writeFileSync(file('rubbish.pem'), 'no certificate and no key')
    const rubbish = `cert_file: "${file('rubbish.pem')}", key_file: "${file('rubbish.pem')}"`
    await site.write({
      '00.yaml': `version: 1
destinations:
  archive: ${reach('archive.crt')}
  mistrusted: ${reach('stranger.crt')}
  unset: ${reach('missing.crt')}
  spoilt: { dimse: { ae: "ARCHIVE@127.0.0.1:${archive.port}", tls: { ${rubbish} } } }
rules: [ { name: everything, forward: [archive] } ]
`,
    })
    const kurir = stack.use(await startApp(site))
    const made = ctInstance({ sizeBytes: 20_000 })
    await storeAll(
      kurir.dicomPort,
      () => [made.file],
      (_file, status) => expect(status).toBe(0),
    )
    await untilSettled(kurir, ['archive'])
    expect(archive.received.map(({ bytes }) => bytes.equals(made.dataSet))).toEqual([true])

    const command = commandLine(site.environment)
    writeFileSync(file('ct.dcm'), made.file)
    expect((await command.run('echo', 'archive')).code).toBe(0)
    expect((await command.run('send', 'archive', file('ct.dcm'))).code).toBe(0)
    expect(archive.received).toHaveLength(2)
    for (const name of ['mistrusted', 'unset', 'spoilt']) {
      const { code, complaints } = await command.run('echo', name)
      expect([code, complaints]).toEqual([1, [expect.stringMatching(/^kurir echo: /)]])
      const verify = `mutation { did: destinationVerify(input: { name: "${name}" }) {
      ... on DestinationVerifySuccess { reached } ... on NotFound { id } } }`
      expect((await kurir.ask<{ did: object }>(verify)).did).not.toEqual({ reached: true })
    }
  },
)

function makeCertificate(key: string, cert: string): void {
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const options = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject]
  execFileSync(peerPath('openssl') ?? 'openssl', [...options, '-keyout', key, '-out', cert], { stdio: 'ignore' })
}
