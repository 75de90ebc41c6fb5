import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import Database from 'better-sqlite3'
import type { KurirProcess } from '../support/processes.ts'
import { ctFiles, openSite } from '../support/site.ts'
import { storeAll } from '../support/store-all.ts'
import { untilSettled } from '../support/until-settled.ts'

/** What comes goes to two of the folders, changed on the way, so that a mixture of two rulesets would show. */
const rulesTo = (one: string, other: string): string => `version: 1
destinations:
${['a', 'b', 'c', 'd'].map((name) => `  ${name}: { folder: { path: ./${name}, layout: "{SOPInstanceUID}.dcm" } }\n`).join('')}rules:
  - { name: to ${one}, rewrite: [ { set: { StationName: ${one} } } ], forward: [${one}] }
  - { name: to ${other}, rewrite: [ { set: { StationName: ${other} } } ], forward: [${other}] }
`

const PER_SECOND = 200
const SECONDS = 5

/** Stores the files on one association, no faster than they are due. Resolves with the statuses. */
async function storeEvenly(kurir: KurirProcess, files: readonly Buffer[], sent: (count: number) => void) {
  const statuses: number[] = []
  const startedAt = performance.now()
  await storeAll(
    kurir.dicomPort,
    async function* () {
      for (const [index, file] of files.entries()) {
        const dueIn = startedAt + (index * 1000) / PER_SECOND - performance.now()
        if (dueIn > 0) await new Promise((resolve) => setTimeout(resolve, dueIn))
        yield file
      }
    },
    (_file, status) => {
      statuses.push(status)
      sent(statuses.length)
    },
  )
  return statuses
}

interface Decided {
  readonly instance: number
  readonly digest: string
  readonly destination: string
  readonly rules: string
  readonly state: string
}

function decisions(dataDir: string): readonly Decided[] {
  const ledger = new Database(path.join(dataDir, 'ledger.db'), { readonly: true })
  try {
    return ledger
      .prepare<[], Decided>(
        `SELECT o.instance, o.ruleset_digest AS digest, d.destination, c.rules, d.state FROM obligation o
         JOIN delivery d ON d.seq = o.delivery JOIN delivery_content c ON c.delivery = d.seq ORDER BY o.instance, d.destination`,
      )
      .all()
  } finally {
    ledger.close()
  }
}

test('rules that change while two hundred instances a second come in are in force within two seconds; none is lost, none is routed by a mixture', async () => {
  await using site = await openSite('reload-load')
  await site.rules(rulesTo('a', 'b'))
  const kurir = await site.start({ KURIR_LOG_LEVEL: 'info' })
  const files = ctFiles(1, PER_SECOND * SECONDS, 1024)
  const half = Promise.withResolvers<void>()
  const storing = storeEvenly(kurir, files, (count) => {
    if (count === files.length * 0.3) half.resolve()
  })
  await half.promise
  const known = new Set(kurir.lines)
  const loaded = kurir.logged('ruleset-loaded', (line) => !known.has(line))
  const changedAt = performance.now()
  await site.rules(rulesTo('c', 'd'))
  await loaded
  expect(performance.now() - changedAt).toBeLessThan(2_000)
  expect((await storing).every((status) => status === 0)).toBe(true)
  await untilSettled(kurir)

  const rows = decisions(site.dataDir)
  const byInstance = Map.groupBy(rows, ({ instance }) => instance)
  expect(byInstance.size).toBe(files.length)
  const rulesets = new Set<string>()
  for (const owed of byInstance.values()) {
    // One digest on the obligations and in the rules that each delivery names, and both destinations of that ruleset.
    const digests = owed.flatMap(({ digest, rules }) => [
      digest,
      ...(JSON.parse(rules) as { rulesetDigest: string }[]).map((rule) => rule.rulesetDigest),
    ])
    expect(new Set(digests).size).toBe(1)
    expect(['a,b', 'c,d']).toContain(owed.map(({ destination }) => destination).join())
    expect(owed.every(({ state }) => state === 'DELIVERED')).toBe(true)
    rulesets.add(digests[0] ?? '')
  }
  expect(rulesets.size).toBe(2)
  const [a, b, c, d] = await Promise.all(
    ['a', 'b', 'c', 'd'].map(async (name) => (await readdir(path.join(site.dataDir, name))).length),
  )
  expect([a, c, (a ?? 0) + (c ?? 0)]).toEqual([b, d, files.length])
}, 60_000)
