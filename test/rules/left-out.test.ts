// A value that is too large for a header is there all the same: nothing of it leaves where it was to be changed.
import { expect, test } from '@jest/globals'
import { transferSyntaxOf } from '../../src/dicom/transfer-syntax.ts'
import { decide } from '../../src/rules/decide.ts'
import { decideStudy } from '../../src/rules/decide-study.ts'
import { encode, type MadeElement } from '../dicom/random-data-set.ts'
import { EXPLICIT, factsOf, rewritten, sequence, text } from './instance.ts'
import { rulesetOf } from './support.ts'

const LONG = 'JOYO '.repeat(14_000)
const elements = [text(0x00100020, 'LO', '12'), text(0x0040a160, 'UT', LONG)]

const outcome = async (verbs: string) => {
  const maps = 'maps: { m: { A: B } }\n'
  const ruleset = rulesetOf(`${maps}rules: [{ name: r, rewrite: [${verbs}], forward: [a] }]`)
  const { decision, bytes } = await rewritten(ruleset, elements, EXPLICIT)
  return { held: decision.holds.map(({ reason }) => reason), stays: bytes?.includes(LONG.trim()) }
}

test.each(['{ empty: [TextValue] }', '{ remove: [TextValue] }', '{ set: { TextValue: X } }'])(
  'it goes where nothing need be known of it: %s',
  async (verb) => {
    expect(await outcome(verb)).toEqual({ held: [], stays: false })
  },
)

test('it is not missing', async () => {
  expect(await outcome('{ set_if_missing: { TextValue: X } }')).toEqual({ held: [], stays: true })
})

test.each([
  '{ prefix: { TextValue: X } }',
  '{ append: { TextValue: X } }',
  '{ replace: { in: TextValue, pattern: JOYO, with: X } }',
  '{ map: { in: TextValue, using: m } }',
  '{ hash: { of: [TextValue], key: veil } }',
  '{ copy: { from: TextValue, to: PatientComments } }',
  '{ set: { PatientID: "{TextValue}" } }',
])('what would have to know it is held: %s', async (verb) => {
  expect(await outcome(verb)).toEqual({
    held: ['rewrite: the value of TextValue is too large, or no text'],
    stays: undefined,
  })
})

test('bytes under a private name go as well, and are not hashed in appearance only', async () => {
  const picture: MadeElement = {
    kind: 'value',
    tag: 0x00091001,
    vr: 'UN',
    value: Buffer.from('JOYO\u0001\u0002', 'latin1'),
  }
  const dataSet = [text(0x00090010, 'LO', 'ACME'), picture]
  const of = async (verb: string) => {
    const { decision, bytes } = await rewritten(verb, dataSet)
    return { held: decision.holds.map(({ reason }) => reason), stays: bytes?.includes('JOYO') }
  }
  expect(await of('{ empty: ["(0009,1001)"] }')).toEqual({ held: [], stays: false })
  expect(await of('{ hash: { of: ["(0009,1001)"], key: veil } }')).toEqual({
    held: ['rewrite: the value of (0009,1001) is too large, or no text'],
    stays: undefined,
  })
  // Nothing of it can stand in a text, so the verb is skipped.
  expect(await of('{ set: { PatientID: "{(0009,1001)}" } }')).toEqual({ held: [], stays: true })
})

test('nor is a sign that stands for it told to a service', async () => {
  const ruleset = rulesetOf(`services:
  his: { http: { url: "https://his.example" }, calls: { arrived: { post: "/studies", body: { text: "{text}" } } } }
rules: [{ name: t, on: study, notify: [{ call: his.arrived, with: { text: "{TextValue}" } }] }]
`)
  const facts = await factsOf(encode(elements, transferSyntaxOf(EXPLICIT)))
  const member = { id: 'i1', facts, isNew: true, isHeld: false, isWanted: true }
  const { notifies } = decideStudy(ruleset, { members: [member], settledBy: 'quiet' })
  expect(notifies.map((notify) => notify.arguments)).toEqual([{}])
})

test('whether it is what a match looks for nobody knows, so the instance is held whole', async () => {
  const facts = await factsOf(encode(elements, transferSyntaxOf(EXPLICIT)))
  const decided = (match: string) => {
    const rules = `rules: [{ name: r, match: ${match}, forward: [a] }, { name: s, forward: [b] }]`
    const { forwards, holds } = decide(rulesetOf(rules), facts)
    return { to: forwards.map(({ destination }) => destination), held: holds.map(({ reason }) => reason) }
  }
  const unjudged = { to: [], held: ['match: TextValue is too large to be compared'] }
  expect(decided('{ TextValue: { contains: VIP } }')).toEqual(unjudged)
  expect(decided('{ not: { TextValue: { contains: VIP } } }')).toEqual(unjudged)
  expect(decided('{ TextValue: { not: X } }')).toEqual(unjudged)
  expect(decided('{ TextValue: { present: true } }')).toEqual({ to: ['a', 'b'], held: [] })
  const member = { id: 'i1', facts, isNew: true, isHeld: false, isWanted: false }
  const study = rulesetOf('rules: [{ name: r, on: study, match: { not: { TextValue: VIP } }, forward: [a] }]')
  expect(decideStudy(study, { members: [member], settledBy: 'quiet' }).holds).toMatchObject([
    { reason: 'match: TextValue is too large to be compared', members: ['i1'] },
  ])
  const chosen = rulesetOf('rules: [{ name: r, on: study, forward: [{ to: a, only: { TextValue: X } }, b] }]')
  const { forwards, holds } = decideStudy(chosen, { members: [member], settledBy: 'quiet' })
  expect(forwards.map(({ destination }) => destination)).toEqual(['b'])
  expect(holds).toMatchObject([{ reason: 'only: TextValue is too large to be compared', members: ['i1'] }])
})

test('nor does anybody know what stands in a sequence that was left out: what asks for it holds, what asks elsewhere does not', async () => {
  // Each item is small; together they are more than a header takes.
  const items = Array.from({ length: 40 }, (_, number) => [
    text(0x00080104, 'LO', `VIP ${number}`),
    text(0x0040a160, 'UT', 'x'.repeat(30_000)),
  ])
  const dataSet = [text(0x00100020, 'LO', '12'), sequence(0x00400275, ...items), sequence(0x00400260, [])]
  for (const transferSyntax of [EXPLICIT, '1.2.840.10008.1.2']) {
    const facts = await factsOf(encode(dataSet, transferSyntaxOf(transferSyntax)), transferSyntax)
    const held = (match: string): readonly string[] =>
      decide(
        rulesetOf(`rules: [{ name: r, match: ${match}, forward: [a] }, { name: s, forward: [b] }]`),
        facts,
      ).holds.map(({ reason }) => reason)
    const inside = 'RequestAttributesSequence.CodeMeaning'
    const unreached = [`match: ${inside} stands in a sequence that is too large to be looked into`]
    expect(held(`{ ${inside}: { contains: VIP } }`)).toEqual(unreached)
    expect(held(`{ not: { ${inside}: VIP } }`)).toEqual(unreached)
    expect(held(`{ ${inside}: { present: true } }`)).toEqual(unreached)
    expect(held(`{ ${inside}: { present: false } }`)).toEqual(unreached)
    expect(held('{ "RequestAttributesSequence[3].CodeMeaning": VIP }')).toEqual([
      'match: RequestAttributesSequence[3].CodeMeaning stands in a sequence that is too large to be looked into',
    ])
    expect(held('{ RequestAttributesSequence: { present: true } }')).toEqual([])
    expect(held('{ PatientID: "12" }')).toEqual([])
    expect(held('{ PerformedProtocolCodeSequence.CodeMeaning: VIP }')).toEqual([])
    expect(held('{ ReferencedStudySequence.CodeMeaning: VIP }')).toEqual([])
  }
})

test('a value that was left out in one item counts among those of the others', async () => {
  const items = [[text(0x0040a160, 'UT', 'plain')], [text(0x0040a160, 'UT', `${LONG}VIP `)]]
  const facts = await factsOf(encode([sequence(0x00400275, ...items)], transferSyntaxOf(EXPLICIT)))
  const decided = (match: string) => {
    const { forwards, holds } = decide(rulesetOf(`rules: [{ name: r, match: ${match}, forward: [a] }]`), facts)
    return { to: forwards.map(({ destination }) => destination), held: holds.map(({ reason }) => reason) }
  }
  const inside = 'RequestAttributesSequence.TextValue'
  const unjudged = { to: [], held: [`match: ${inside} is too large to be compared`] }
  expect(decided(`{ ${inside}: { contains: VIP } }`)).toEqual(unjudged)
  expect(decided(`{ not: { ${inside}: { contains: VIP } } }`)).toEqual(unjudged)
  expect(decided(`{ ${inside}: { present: true } }`)).toEqual({ to: ['a'], held: [] })
  expect(decided('{ "RequestAttributesSequence[0].TextValue": plain }')).toEqual({ to: ['a'], held: [] })
})
