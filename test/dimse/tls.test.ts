import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from '@jest/globals'
import { CT, EXPLICIT } from '../support/dimse-bytes.ts'
import { established, propose, request, slices, uid } from '../support/dimse-requests.ts'
import { recordingServer } from '../support/dimse-server.ts'
import { peerEnv, peerPath, testWithPeers } from '../support/peers.ts'
import { RawPeer } from '../support/raw-peer.ts'

function withCertificate<T>(use: (files: { readonly key: string; readonly cert: string }) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'kurir-tls-'))
  const files = { key: join(folder, 'key.pem'), cert: join(folder, 'cert.pem') }
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const options = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject]
  execFileSync(peerPath('openssl') ?? 'openssl', [...options, '-keyout', files.key, '-out', files.cert], {
    stdio: 'ignore',
  })
  return use(files).finally(() => rmSync(folder, { recursive: true, force: true }))
}

testWithPeers(['openssl'], 'objects travel over TLS, and only to who is trusted', () =>
  withCertificate(async (files) => {
    const [key, cert] = [readFileSync(files.key), readFileSync(files.cert)]
    await using running = await recordingServer({ tls: { key, cert } })
    const tls = { ca: cert, servername: 'localhost' }
    const association = await established(running.port, { contexts: [propose(CT, EXPLICIT)], tls })
    const context = association.contextFor(uid(CT), uid(EXPLICIT))
    if (context === undefined) throw new Error('no context')
    const bytes = Buffer.alloc(700_000, 5)
    const outcome = await association.store({ context, sopInstanceUid: uid('1.2.3'), dataSet: slices(bytes) })
    expect(outcome).toEqual({ kind: 'answered', status: 0 })
    expect(running.received[0]?.bytes.equals(bytes)).toBe(true)
    expect(association.peer).toBe('127.0.0.1')
    await association.release()
    const untrusted = { kind: 'unreachable', code: 'untrusted' }
    expect(await request(running.port, { tls: { servername: 'localhost' } })).toMatchObject(untrusted)
    expect(await request(running.port, { tls: { ca: cert, servername: 'elsewhere' } })).toMatchObject(untrusted)
    await using withoutTls = await recordingServer()
    expect(await request(withoutTls.port, { tls })).toMatchObject(untrusted)
    using plain = await RawPeer.connect(running.port)
    await plain.send(Buffer.from('GET / HTTP/1.0\r\n\r\n'))
    expect(['end', 'reset']).toContain(await plain.hearLine())
  }),
)

testWithPeers(['openssl'], 'who wants a certificate that we do not have is heard, though the handshake is over', () =>
  withCertificate(async (files) => {
    const [key, cert] = [readFileSync(files.key), readFileSync(files.cert)]
    await using running = await recordingServer({
      tls: { key, cert, ca: cert, requestCert: true, rejectUnauthorized: true },
    })
    const tls = { ca: cert, servername: 'localhost' }
    expect(await request(running.port, { tls })).toMatchObject({ kind: 'unreachable', code: 'untrusted' })
    await (await established(running.port, { tls: { ...tls, key, cert } })).release()
  }),
)

testWithPeers(['openssl'], 'a peer hears by which name it was called, where it has one', () =>
  withCertificate(async (files) => {
    const [key, cert] = [readFileSync(files.key), readFileSync(files.cert)]
    const names: string[] = []
    const SNICallback = (name: string, done: (error: null) => void): void => {
      names.push(name)
      done(null)
    }
    await using running = await recordingServer({ tls: { key, cert, SNICallback } })
    for (const host of ['localhost', '127.0.0.1'])
      await (await established(running.port, { host, tls: { ca: cert } })).release()
    expect(names).toEqual(['localhost'])
  }),
)

testWithPeers(['openssl', 'echoscu'], 'echoscu speaks TLS with us', () =>
  withCertificate(async (files) => {
    await using running = await recordingServer({
      tls: { key: readFileSync(files.key), cert: readFileSync(files.cert) },
    })
    const args = ['+tla', '+cf', files.cert, '127.0.0.1', String(running.port)]
    await promisify(execFile)(peerPath('echoscu') ?? '', args, { env: peerEnv })
    await running.untilClosed(1)
    expect(running.closed).toEqual(['released: released by the peer'])
  }),
)
