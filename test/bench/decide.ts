import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate as turn } from 'node:timers/promises'
import { packHeader, unpackHeader } from '../../src/dicom/header-pack.ts'
import { transferSyntaxOf } from '../../src/dicom/transfer-syntax.ts'
import { decide } from '../../src/rules/decide.ts'
import { decideStudyInSlices } from '../../src/rules/decide-study.ts'
import type { Facts } from '../../src/rules/facts.ts'
import { factsOf } from '../../src/rules/given.ts'
import { viewOfHeader } from '../../src/rules/header-view.ts'
import { loadRuleset } from '../../src/rules/load-ruleset.ts'
import { formatProblem } from '../../src/rules/rule-problem.ts'
import type { Ruleset } from '../../src/rules/ruleset.ts'
import { headerOf } from '../dicom/slices.ts'
import { ctInstance } from '../support/data-set.ts'
import type { Results } from './result.ts'
import { median, percentile } from './statistics.ts'

const WARM_UP = 2_000
const ROUNDS = 5_000
const MEMBERS = 3_000

/** What the rules take of the main thread: one instance with fifty rules, and a large study. */
export async function benchDecide(results: Results): Promise<void> {
  const ruleset = fiftyRules()
  const one = await factsMaker(0)
  const took: number[] = []
  for (let round = 0; round < WARM_UP + ROUNDS; round++) {
    // As the planner has it: unpacked for this decision, nothing of it decoded yet.
    const facts = one()
    const began = performance.now()
    decide(ruleset, facts)
    if (round >= WARM_UP) took.push((performance.now() - began) * 1_000)
  }
  results.add({ name: 'decide.us', value: median(took), unit: 'µs', target: { atMost: 50 } })
  results.add({ name: 'decide.p99_us', value: percentile(took, 0.99), unit: 'µs' })
  await benchStudy(ruleset, results)
  await benchLongValue(results)
}

// Patterns that cost most of those that were tried: one that the budget lets pass to its end, automata of many states, and
// as many restarts as letters.
const NASTY = [
  '([a-z]+)*[0-9]',
  '(a|b)*a(a|b){20}',
  '[ab]*a[ab]{80}',
  '(^|.)*a(.|$){50}',
  '(?:a.{1,60}b|b.{1,60}a)*c',
  '(.*a.{50}|.*b.{40}c).*d',
]

/** How long one decision keeps the main thread when an attribute of 64 KB meets such a pattern. */
async function benchLongValue(results: Results): Promise<void> {
  const value = Array.from({ length: 65_534 }, (_, index) => 'ab'[(Math.imul(index, 2_654_435_761) >>> 13) & 1]).join(
    '',
  )
  const facts = factsOf(new Map([['ImageComments', [value]]]))
  if ('problems' in facts) throw new Error('facts of one attribute')
  const delay = monitorEventLoopDelay({ resolution: 1 })
  for (const pattern of NASTY) {
    const rule = `{ name: r, match: { ImageComments: { matches: "${pattern}" } }, discard: never }`
    const ruleset = loaded(`version: 1\nrules:\n  - ${rule}\n`)
    for (let round = 0; round < 5; round++) {
      if (round > 1) delay.enable()
      await turn()
      decide(ruleset, facts)
      await turn()
    }
  }
  delay.disable()
  results.add({ name: 'decide.long_value_ms', value: delay.max / 1e6, unit: 'ms', target: { atMost: 50 } })
}

async function benchStudy(ruleset: Ruleset, results: Results): Promise<void> {
  const makers = await Promise.all(Array.from({ length: 30 }, (_, index) => factsMaker(index)))
  const members = Array.from({ length: MEMBERS }, (_, index) => ({
    id: String(index),
    get facts(): Facts {
      return makers[index % makers.length]?.() ?? factsOfNobody()
    },
    isNew: true,
    isHeld: false,
    isWanted: true,
  }))
  const slices = decideStudyInSlices(ruleset, { members, settledBy: 'quiet' })
  const took: number[] = []
  for (let done = false; !done; ) {
    const began = performance.now()
    done = slices.next().done === true
    took.push(performance.now() - began)
  }
  const whole = took.reduce((sum, slice) => sum + slice, 0)
  results.add({ name: 'decide.study_3000_ms', value: whole, unit: 'ms' })
  results.add({ name: 'decide.study_longest_slice_ms', value: Math.max(...took), unit: 'ms', target: { atMost: 50 } })
}

const factsOfNobody = (): Facts => {
  throw new Error('there is a maker for each')
}

async function factsMaker(instanceNumber: number): Promise<() => Facts> {
  const { dataSet, sopClassUid, sopInstanceUid, transferSyntaxUid } = ctInstance({ instanceNumber, sizeBytes: 1_024 })
  const packed = packHeader(await headerOf(dataSet, transferSyntaxOf(transferSyntaxUid)))
  return () => ({
    callingAe: 'CT_IGD',
    calledAe: 'KURIR',
    peer: '10.20.1.1',
    door: 'dimse',
    sopClass: sopClassUid,
    sopInstanceUid,
    transferSyntax: transferSyntaxUid,
    header: viewOfHeader(unpackHeader(packed)),
    receivedAt: 0,
  })
}

/** Fifty rules as a hospital has them: by modality, machine, text and ward; some rewrite, ten are inside others. */
function fiftyRules(): Ruleset {
  const plain = Array.from(
    { length: 30 },
    (_, index) => `
  - name: ward ${index}
    match: { Modality: [CT, MR], calling_ae: { starts_with: CT }, StudyDescription: { matches: "(?i).*(thorax|abdomen|ward ${index}).*" } }
    rewrite: [{ prefix: { StudyDescription: "[${index}] " } }]
    forward: [d${index % 5}]`,
  )
  const nested = Array.from(
    { length: 10 },
    (_, index) => `
  - name: machine ${index}
    match: { calling_ae: [CT_IGD, CT_${index}] }
    rewrite: [{ set: { InstitutionName: RSUD }, set_if_missing: { StudyID: "{AccessionNumber}" } }]
    rules:
      - { name: machine ${index} / urgent, match: { RequestedProcedurePriority: [STAT, HIGH] }, forward: [d${index % 5}] }`,
  ).map((text) => text.replace(', set_if_missing', ' }, { set_if_missing'))
  const study = `
  - name: whole study
    on: study
    match: { Modality: CT, instance_count: { gt: 1 } }
    rewrite: [{ set: { InstitutionName: RSUD } }, { prefix: { PatientID: "R-" } }]
    forward: [d6]`
  const destinations = Array.from({ length: 7 }, (_, index) => `  d${index}: { folder: { path: ./d${index} } }`)
  const archive = '\n  - { name: archive, match: { Modality: { present: true } }, forward: [d5] }'
  const text = `version: 1\ndestinations:\n${destinations.join('\n')}\nrules:${archive}${plain.join('')}${nested.join('')}${study}\n`
  return loaded(text)
}

function loaded(text: string): Ruleset {
  const result = loadRuleset([{ name: 'rules/bench.yaml', bytes: Buffer.from(text) }], {})
  if ('ruleset' in result) return result.ruleset
  throw new Error(result.problems.map(formatProblem).join('\n'))
}
