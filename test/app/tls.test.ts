import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from '@jest/globals'
import { commandLine } from '../cli/command-line.ts'
import { siteFolders, startApp } from '../support/app-in-process.ts'
import { ctInstance } from '../support/data-set.ts'
import { dataSetOf } from '../support/data-set-bytes.ts'
import { recordingServer } from '../support/dimse-server.ts'
import { peerEnv, peerPath, testWithPeers } from '../support/peers.ts'
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

testWithPeers(
  ['openssl', 'storescu'],
  'modalities send by TLS to a port of its own; where we are told whom to trust, those with no certificate of theirs are not heard',
  async () => {
    await using stack = new AsyncDisposableStack()
    const site = stack.use(
      await siteFolders(`version: 1\ndestinations: { out: { folder: { path: ./out, layout: "{SOPInstanceUID}" } } }
rules: [ { name: everything, forward: [out] } ]\n`),
    )
    const file = (name: string): string => path.join(site.home, name)
    for (const name of ['kurir', 'ct', 'stranger']) makeCertificate(file(`${name}.key`), file(`${name}.crt`))
    const withTls = (settings: object) => ({
      ...site,
      environment: {
        ...site.environment,
        KURIR_DICOM_TLS_PORT: '0',
        KURIR_TLS_CERT_FILE: file('kurir.crt'),
        KURIR_TLS_KEY_FILE: file('kurir.key'),
        ...settings,
      },
    })
    const kurir = stack.use(await startApp(withTls({ KURIR_TLS_CA_FILE: file('ct.crt') })))
    expect(JSON.parse(readFileSync(path.join(kurir.dataDir, 'ready.json'), 'utf8'))).toMatchObject({
      dicomPort: kurir.dicomPort,
      dicomTlsPort: kurir.dicomTlsPort,
    })
    const made = ctInstance({ sizeBytes: 600_000 })
    writeFileSync(file('ct.dcm'), made.file)
    const send = async (...tls: readonly string[]): Promise<boolean> => {
      const to = ['-aec', 'KURIR', '127.0.0.1', String(kurir.dicomTlsPort), file('ct.dcm')]
      const storescu = spawn(peerPath('storescu') ?? 'storescu', [...tls, ...to], { stdio: 'ignore', env: peerEnv })
      const [code] = await once(storescu, 'exit')
      return code === 0
    }
    const trusts = ['+cf', file('kurir.crt')]
    expect(await send('+tla', ...trusts)).toBe(false)
    expect(await send('+tls', file('stranger.key'), file('stranger.crt'), ...trusts)).toBe(false)
    expect(await send()).toBe(false)
    expect(await send('+tls', file('ct.key'), file('ct.crt'), ...trusts)).toBe(true)
    await untilSettled(kurir, ['out'])
    expect(dataSetOf(readFileSync(path.join(site.home, 'out', made.sopInstanceUid))).equals(made.dataSet)).toBe(true)
    await kurir[Symbol.asyncDispose]()
    expect(await send('+tls', file('ct.key'), file('ct.crt'), ...trusts)).toBe(false)
    const open = stack.use(await startApp(withTls({ KURIR_DICOM_TLS_PORT: String(kurir.dicomTlsPort) })))
    expect(open.dicomTlsPort).toBe(kurir.dicomTlsPort)
    expect(await send('+tla', ...trusts)).toBe(true)
  },
)

testWithPeers(['openssl'], 'a port with TLS that cannot be had is told by its setting and file', async () => {
  await using site = await siteFolders('version: 1\n')
  const file = (name: string): string => path.join(site.home, name)
  for (const name of ['one', 'other']) makeCertificate(file(`${name}.key`), file(`${name}.crt`))
  writeFileSync(file('rubbish.pem'), 'no certificate and no key')
  const refusal = async (cert: string, key: string, ca = ''): Promise<string> => {
    const files = { KURIR_TLS_CERT_FILE: cert, KURIR_TLS_KEY_FILE: key, KURIR_TLS_CA_FILE: ca }
    const environment = { ...site.environment, KURIR_DICOM_TLS_PORT: '0', ...files }
    return await startApp({ ...site, environment }).then(
      async (app) => {
        await app[Symbol.asyncDispose]()
        return 'started'
      },
      (error: Error) => error.message,
    )
  }
  const [crt, key] = [file('one.crt'), file('one.key')]
  expect(await refusal('', '')).toMatch('wants a certificate and its key: KURIR_TLS_CERT_FILE and KURIR_TLS_KEY_FILE')
  expect(await refusal(file('missing'), key)).toBe(`KURIR_TLS_CERT_FILE: ${file('missing')} is not there`)
  expect(await refusal(crt, site.home)).toBe(`KURIR_TLS_KEY_FILE: ${site.home} cannot be read`)
  expect(await refusal(crt, file('other.key'))).toMatch('hold no certificate and its key')
  expect(await refusal(file('rubbish.pem'), key)).toMatch('hold no certificate and its key')
  expect(await refusal(crt, key, file('rubbish.pem'))).toBe(
    `KURIR_TLS_CA_FILE ${file('rubbish.pem')} holds no certificate`,
  )
  expect(await refusal(crt, key)).toBe('started')
  const unused = { ...site.environment, KURIR_TLS_KEY_FILE: key }
  await expect(startApp({ ...site, environment: unused })).rejects.toThrow(
    'KURIR_TLS_KEY_FILE is set and nothing would use it: set KURIR_DICOM_TLS_PORT as well',
  )
})

testWithPeers(
  ['openssl', 'echoscu'],
  'a certificate that ends is told beforehand, and renewed without a stop; files that cannot be used leave the old one in force',
  async () => {
    await using stack = new AsyncDisposableStack()
    const site = stack.use(await siteFolders('version: 1\n'))
    const file = (name: string): string => path.join(site.home, name)
    makeCertificate(file('key'), file('crt'), 5)
    makeCertificate(file('new.key'), file('new.crt'), 400)
    copyFileSync(file('crt'), file('old.crt'))
    const files = { KURIR_TLS_CERT_FILE: file('crt'), KURIR_TLS_KEY_FILE: file('key') }
    const environment = { ...site.environment, KURIR_DICOM_TLS_PORT: '0', ...files }
    const kurir = stack.use(await startApp({ ...site, environment }))
    const answersTo = async (trusted: string): Promise<boolean> => {
      const to = ['+tla', '+cf', file(trusted), '-aec', 'KURIR', '127.0.0.1', String(kurir.dicomTlsPort)]
      const [code] = await once(spawn(peerPath('echoscu') ?? 'echoscu', to, { stdio: 'ignore', env: peerEnv }), 'exit')
      return code === 0
    }
    const problems = async (): Promise<readonly string[]> =>
      (await kurir.ask<{ health: { problems: readonly string[] } }>('{ health { problems } }')).health.problems
    expect(await problems()).toEqual([
      expect.stringMatching(
        /^The certificate of KURIR_TLS_CERT_FILE ends on \d{4}-\d\d-\d\d: put a new one in its place and send Kurir SIGHUP\.$/,
      ),
    ])
    expect([await answersTo('old.crt'), await answersTo('new.crt')]).toEqual([true, false])

    copyFileSync(file('new.crt'), file('crt'))
    const refused = kurir.log.line('tls-files-refused')
    kurir.app.reload()
    await refused
    expect(await problems()).toContain(
      `KURIR_TLS_CERT_FILE ${file('crt')} and KURIR_TLS_KEY_FILE ${file('key')} hold no certificate and its key; the certificate read before is in force.`,
    )
    expect(await answersTo('old.crt')).toBe(true)

    copyFileSync(file('new.key'), file('key'))
    const read = kurir.log.line('tls-files-read')
    kurir.app.reload()
    await read
    expect(await problems()).toEqual([])
    expect([await answersTo('old.crt'), await answersTo('new.crt')]).toEqual([false, true])
  },
)

function makeCertificate(key: string, cert: string, days = 30): void {
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const options = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', String(days), ...subject]
  execFileSync(peerPath('openssl') ?? 'openssl', [...options, '-keyout', key, '-out', cert], { stdio: 'ignore' })
}
