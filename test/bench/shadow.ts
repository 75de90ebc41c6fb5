import path from 'node:path'
import { runShadow } from '../../src/app/shadow.ts'
import { instant, systemClock } from '../../src/base/clock.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite/open.ts'
import { loadRuleset } from '../../src/rules/load-ruleset.ts'
import { fillPast } from '../support/past-ledger.ts'
import type { Results } from './result.ts'
import { scratchDir } from './scratch.ts'

/** Fifty rules of the usual kinds, of which some match each instance. */
export function fiftyRules(first: string): string {
  const rules = Array.from({ length: 50 }, (_, index) => {
    const match = [
      `{ Modality: [CT, MR], calling_ae: CT${index % 4} }`,
      `{ PatientID: { matches: "P?${index}[0-9]*" } }`,
      `{ StudyDescription: { starts_with: Ch }, InstanceNumber: { gt: ${index} } }`,
      `{ any: [ { StationName: WS${index} }, { InstitutionName: { contains: Hospital } } ], not: { PatientID: QA${index} } }`,
      `{ StudyDate: { gte: 2026${10 + (index % 3)}01 } }`,
    ][index % 5]
    return `  - name: rule ${index}
    match: ${match}
    rewrite: [ { set_if_missing: { StudyID: "{AccessionNumber}" } } ]
    forward: [d${index % 5}]
`
  })
  const destinations = Array.from({ length: 5 }, (_, index) => `  d${index}: { folder: { path: ./d${index} } }\n`)
  return `version: 1\ndestinations:\n${destinations.join('')}rules:\n${first}${rules.join('')}`
}

/** How fast past instances go through a candidate of fifty rules, against the record of fifty others. */
export async function benchShadow(count: number, results: Results): Promise<void> {
  await using dir = await scratchDir('bench-shadow')
  const file = path.join(dir.path, 'ledger.db')
  const load = (text: string) => [{ name: 'rules/00.yaml', bytes: Buffer.from(text) }]
  const loaded = loadRuleset(load(fiftyRules('')), {})
  if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems))
  const endsAt = systemClock.now()
  {
    await using ledger = await openSqliteLedger({ file, node: 'n1', clock: systemClock })
    await fillPast(ledger, { instances: count, perStudy: 200, endsAt, ruleset: loaded.ruleset })
  }
  const candidate = load(
    fiftyRules('  - { name: phantoms, match: { PatientID: { starts_with: QA } }, discard: a phantom, stop: true }\n'),
  )
  const request = { file, candidate, since: instant(0), before: instant(endsAt + 1), environment: {} }
  const started = performance.now()
  const report = await runShadow({ ...request, against: 'record' }, new AbortController().signal)
  const seconds = (performance.now() - started) / 1000
  if (report.instances !== count) throw new Error(`${report.instances} of ${count} instances were replayed`)
  const target = { atLeast: 100_000 / 60 }
  results.add({ name: 'shadow.instances_per_second', value: count / seconds, unit: 'instances/s', target })
}
