// Programs of other makers that the tests talk to (dcmtk, Orthanc, strace, Chromium, sqlite3). A test whose peer is not
// installed is skipped by name; in CI the run fails then (test/support/summary-reporter.js).
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe, test } from '@jest/globals'

type Body = () => void | Promise<void>

/** The environment a peer is started with. dcmtk waits for delayed acknowledgements unless told not to. */
export const peerEnv: NodeJS.ProcessEnv = { ...process.env, TCP_NODELAY: '1' }

/** Where a program stands (`storescp`, `Orthanc`, `strace` …), undefined when it is not installed. */
export function peerPath(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin', '/usr/sbin', '/usr/local/bin']
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

export const hasPeer = (name: string): boolean => peerPath(name) !== undefined

/** A test that needs these programs: skipped, under its name and theirs, when one of them is missing. */
export function testWithPeers(peers: readonly string[], title: string, body: Body, timeoutMs?: number): void {
  const missing = peers.filter((peer) => !hasPeer(peer))
  if (missing.length === 0) test(title, body, timeoutMs)
  else test.skip(skippedTitle(title, missing), body)
}

/** A group of tests that needs these programs: all of it is skipped when one of them is missing. */
export function describeWithPeers(peers: readonly string[], title: string, body: () => void): void {
  const missing = peers.filter((peer) => !hasPeer(peer))
  if (missing.length === 0) describe(title, body)
  else describe.skip(skippedTitle(title, missing), body)
}

// The reporter finds the names of the missing programs by this ending.
const skippedTitle = (title: string, missing: readonly string[]): string => `${title} [needs ${missing.join(', ')}]`

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
