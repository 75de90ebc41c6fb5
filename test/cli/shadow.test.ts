import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { LEDGER_FILE, NODE } from '../../src/app/names.ts'
import { systemClock } from '../../src/base/clock.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite/open.ts'
import { loadRuleset } from '../../src/rules/load-ruleset.ts'
import { readRulesFolder } from '../../src/rules/read-rules-folder.ts'
import { type SiteFolders, siteFolders } from '../support/app-in-process.ts'
import { fillPast } from '../support/past-ledger.ts'
import { commandLine } from './command-line.ts'

const DESTINATIONS = 'a: { folder: { path: ./a } }, b: { folder: { path: ./b } }'
const RULES = `version: 1\ndestinations: { ${DESTINATIONS} }\nrules: [ { name: all, forward: [a] } ]\n`
const CANDIDATE = `version: 1
destinations: { ${DESTINATIONS} }
rules:
  - { name: phantoms, match: { PatientID: { starts_with: QA } }, discard: a phantom, stop: true }
  - { name: all, match: { calling_ae: [CT1, CT3] }, rewrite: [ { set: { StationName: "{calling_ae}" } } ], forward: [a] }
  - { name: some, match: { calling_ae: CT0 }, forward: [b] }
`

let site: SiteFolders
let candidate: string
beforeEach(async () => {
  site = await siteFolders(RULES)
  candidate = path.join(site.home, 'next')
  await mkdir(candidate)
  await mkdir(site.dataDir)
  await writeFile(path.join(candidate, '00.yaml'), CANDIDATE)
})
afterEach(async () => await site[Symbol.asyncDispose]())

/** Two thousand instances, decided by the rules of the site; kept open while `act` runs. */
async function withPast(act: (ledger: Ledger) => Promise<void>): Promise<void> {
  const folder = await readRulesFolder(site.rulesDir)
  const loaded = 'files' in folder ? loadRuleset(folder.files, {}) : folder
  if (!('ruleset' in loaded) || !('files' in folder)) throw new Error('the rules do not load')
  const { ruleset } = loaded
  const file = path.join(site.dataDir, LEDGER_FILE)
  await using ledger = await openSqliteLedger({ file, node: NODE, clock: systemClock })
  const files = folder.files.map(({ name, bytes }) => ({ name, text: Buffer.from(bytes).toString() }))
  await ledger.rulesetInForce({
    digest: ruleset.digest,
    loadedAt: ledger.now(),
    by: 'test',
    files,
    summary: null,
    pin: null,
  })
  await fillPast(ledger, { instances: 2_000, perStudy: 20, endsAt: ledger.now(), ruleset })
  await act(ledger)
}

const UUID = '[0-9a-f-]{36}'

test('candidate rules are held against what was decided, while a Kurir has the ledger open', async () => {
  await withPast(async () => {
    const kurir = commandLine(site.environment, true)
    const { code, printed, complaints, progress } = await kurir.run('shadow', '--rules', candidate, '--since', '7d')
    expect([code, complaints]).toEqual([0, []])
    expect(progress).toContain('2,000 instances looked at')
    expect(printed.join('\n')).toMatch(
      new RegExp(`^2,000 instances of 100 studies since \\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z, against what was decided then\\.
2,000 would be decided otherwise, 0 not\\.

destination                   before        after         more        fewer  other edits
a                              2,000        1,000            0        1,000        1,000
b                                  0          400          400            0            0

rule                          before        after         more        fewer
all                            2,000        1,000            0        1,000
phantoms                           0          200          200            0
some                               0          400          400            0

or                            before        after         more        fewer
held                               0          400          400            0
discarded                          0          200          200            0
waiting for an answer              0            0            0            0
held: unmatched   0 before, 400 after

For example:
  fewer to a: (${UUID}, ){4}${UUID}
  other edits to a: (${UUID}, ){4}${UUID}
  more to b: (${UUID}, ){4}${UUID}
  newly held: (${UUID}, ){4}${UUID}
  newly discarded: (${UUID}, ){4}${UUID}$`),
    )
    expect(printed.join('\n')).not.toMatch(/Example|Number|P\d\d|QA\d/)
  })
})

test('or against the rules in force; a shorter time looks at less', async () => {
  await withPast(async () => {})
  const kurir = commandLine(site.environment)
  const current = await kurir.run('shadow', '--rules', site.rulesDir, '--against', 'current')
  expect(current.code).toBe(0)
  expect(current.printed[0]).toMatch(/against the rules in force \([0-9a-f]{12}\)\.$/)
  expect(current.printed[1]).toBe('0 would be decided otherwise, 2,000 not.')
  const short = await kurir.run('shadow', '--rules', candidate, '--since', '600s')
  // One a second: thirty studies of twenty, and the one that the edge cuts is taken whole.
  expect(short.printed[0]).toMatch(/^(580|600|620) instances of (29|30|31) studies since/)
})

test('what cannot be is a sentence: no ledger, rules that do not load, no folder, another span', async () => {
  const kurir = commandLine(site.environment)
  expect(await kurir.run('shadow', '--rules', candidate)).toMatchObject({
    code: 1,
    complaints: [`kurir shadow: there is no ledger in ${site.dataDir}; KURIR_DATA_DIR names another folder`],
  })
  await writeFile(path.join(candidate, '10.yaml'), 'version: 1\nrulez: []\n')
  expect(await kurir.run('shadow', '--rules', candidate)).toMatchObject({
    code: 2,
    complaints: ['next/10.yaml:2:1  Unknown key rulez. Did you mean rules?', 'Nothing was replayed.'],
  })
  expect(await kurir.run('shadow')).toMatchObject({ code: 2 })
  expect((await kurir.run('shadow', '--rules', candidate, '--since', 'ever')).complaints[0]).toBe(
    'kurir shadow: --since takes a duration: 12h, 7d',
  )
  expect((await kurir.run('shadow', '--rules', candidate, '--against', 'x')).code).toBe(2)
})

test('a replay that is told to stop does', async () => {
  await withPast(async () => {})
  const kurir = commandLine(site.environment)
  kurir.stop()
  expect(await kurir.run('shadow', '--rules', candidate)).toMatchObject({
    code: 1,
    complaints: ['kurir shadow: the replay was stopped'],
  })
})

test('no rules in force is a sentence', async () => {
  const file = path.join(site.dataDir, LEDGER_FILE)
  await (await openSqliteLedger({ file, node: NODE, clock: systemClock }))[Symbol.asyncDispose]()
  const ran = await commandLine(site.environment).run('shadow', '--rules', candidate, '--against', 'current')
  expect([ran.code, ran.complaints]).toEqual([1, ['kurir shadow: no rules have ever been in force here']])
  const empty = await commandLine(site.environment).run('shadow', '--rules', candidate)
  expect([empty.code, empty.printed[0]?.startsWith('0 instances of 0 studies')]).toEqual([0, true])
})
