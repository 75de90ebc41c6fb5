import { rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { ask } from '../support/graphql-client.ts'
import { describeWithPeers } from '../support/peers.ts'
import type { KurirProcess } from '../support/processes.ts'
import { ctFiles, digestOf, forwardTo, inLedger, openSite, storeOnce } from '../support/site.ts'
import { untilSettled } from '../support/until-settled.ts'

const BROKEN = `version: 1
destinations:
  archive:
    dimse: { ae: ARCHIVE@127.0.0.1:notaport }
rules:
  - name: everything
    forwrad: [archive]
  - name: nowhere
    forward: [nirvana]
`

const health = async (kurir: KurirProcess): Promise<string> =>
  (await ask<{ health: { problems: readonly string[] } }>(kurir, '{ health { problems } }')).health.problems.join('\n')

const digestInForce = async (kurir: KurirProcess): Promise<string> =>
  (await ask<{ ruleset: { digest: string } }>(kurir, '{ ruleset { digest } }')).ruleset.digest

/** Resolves with what the readiness probe answers. */
async function readyz(kurir: KurirProcess): Promise<{ readonly status: number; readonly text: string }> {
  const response = await fetch(`http://127.0.0.1:${kurir.adminPort}/readyz`)
  return { status: response.status, text: await response.text() }
}

/** How many rulesets have come into force so far. */
const loads = (kurir: KurirProcess): number => kurir.lines.filter((line) => line['event'] === 'ruleset-loaded').length

/** Resolves with the next line of that event. */
function next(kurir: KurirProcess, event: string): Promise<unknown> {
  const known = new Set(kurir.lines)
  return kurir.logged(event, (line) => !known.has(line))
}

test('a first start with broken rules names every mistake with its place and ends with exit code 1', async () => {
  await using site = await openSite('rules-broken')
  await site.rules(BROKEN)
  await site.rules('version: 1\nrules:\n\t- name: tab\n', '10.yaml')
  const failure = await site.start().then(
    () => 'it started',
    (error: unknown) => String(error),
  )
  expect(failure).toContain('kurir ended with 1')
  expect(failure).toMatch(/00\.yaml:4:\d+/)
  expect(failure).toMatch(/00\.yaml:7:\d+/)
  expect(failure).toMatch(/00\.yaml:9:\d+/)
  expect(failure).toMatch(/10\.yaml:3:\d+/)
})

describeWithPeers(['storescp'], 'rules in force', () => {
  test('that break before a later start are replaced by the last good ones, and health says so', async () => {
    await using site = await openSite('rules-last-good')
    const archive = await site.archive('arrived')
    await site.rules(forwardTo({ archive: archive.port }))
    const first = await site.start()
    const digest = await digestInForce(first)
    expect(await first.stop()).toBe(0)

    await site.rules(BROKEN)
    const second = await site.start()
    expect(await digestInForce(second)).toBe(digest)
    expect(await health(second)).toMatch(/last good ones are in force.*00\.yaml:4:\d+/s)
    const probe = await readyz(second)
    expect(probe.status).toBe(200)
    expect(probe.text).toContain('last good ones are in force')
    const files = ctFiles(1, 3)
    expect(await storeOnce(second, files)).toEqual([0, 0, 0])
    await untilSettled(second)
    expect(await archive.digests()).toEqual(files.map(digestOf).sort())
  })

  test('change within two seconds of the file, stay when it is broken, and follow SIGHUP and the mutation', async () => {
    await using site = await openSite('rules-live')
    const [before, after] = [await site.archive('before'), await site.archive('after')]
    await site.rules(forwardTo({ archive: before.port }))
    const kurir = await site.start()
    const old = await digestInForce(kurir)

    const loaded = next(kurir, 'ruleset-loaded')
    const changedAt = performance.now()
    await site.rules(forwardTo({ archive: after.port }))
    await loaded
    expect(performance.now() - changedAt).toBeLessThan(2_000)
    const digest = await digestInForce(kurir)
    expect(digest).not.toBe(old)
    const files = ctFiles(1, 2)
    expect(await storeOnce(kurir, files)).toEqual([0, 0])
    await untilSettled(kurir)
    expect(await after.digests()).toEqual(files.map(digestOf).sort())
    expect(await before.digests()).toEqual([])

    const refused = next(kurir, 'ruleset-refused')
    await site.rules(BROKEN)
    await refused
    expect(await digestInForce(kurir)).toBe(digest)
    expect(await health(kurir)).toMatch(/00\.yaml:4:\d+/)
    const reload = `mutation { rulesetReload { __typename
      ... on RulesetRefused { problems { file line } inForce { digest } } ... on RulesetReloadSuccess { ruleset { digest } } } }`
    expect(await ask(kurir, reload)).toMatchObject({
      rulesetReload: {
        __typename: 'RulesetRefused',
        inForce: { digest },
        problems: expect.arrayContaining([expect.objectContaining({ file: 'rules/00.yaml', line: 7 })]),
      },
    })

    // Moved into place, as editors and configuration systems do.
    const mended = next(kurir, 'ruleset-loaded')
    const aside = path.join(site.home, 'aside.yaml')
    await writeFile(aside, forwardTo({ archive: before.port }))
    await rename(aside, path.join(site.rulesDir, '00.yaml'))
    await mended
    expect(await health(kurir)).toBe('')
    expect(await digestInForce(kurir)).toBe(old)

    await site.rules(`${forwardTo({ archive: before.port })}# another comment\n`)
    const hangup = next(kurir, 'ruleset-loaded')
    kurir.child.kill('SIGHUP')
    await hangup
    expect(inLedger(site.dataDir, 'SELECT actor FROM audit_event ORDER BY seq DESC LIMIT 1')).toEqual(['signal'])
    expect(await ask(kurir, reload)).toMatchObject({ rulesetReload: { __typename: 'RulesetReloadSuccess' } })
    expect(loads(kurir)).toBe(4)
  })
})
