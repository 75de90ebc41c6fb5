import { describe, expect, test } from '@jest/globals'
import { rewritten, sequence, text, textsOf } from './instance.ts'
import { rulesetOf } from './support.ts'

const rule = (verbs: string, more = '') =>
  rulesetOf(`rules: [{ name: r, record_original: true, rewrite: [${verbs}], forward: [a] ${more} }]`)

const ID = text(0x00100020, 'LO', '0012')
const about = (n: number) => ({
  [`04000561[${n}].04000562`]: '20260101000000.000000+0000',
  [`04000561[${n}].04000563`]: 'Kurir',
  [`04000561[${n}].04000564`]: 'CT1',
  [`04000561[${n}].04000565`]: 'COERCE',
})

describe('record_original', () => {
  test('keeps what was replaced and removed, and says of what was not there that it was not', async () => {
    const verbs = '{ set: { PatientID: N, StudyID: S } }, { remove: [AccessionNumber] }, { set: { Modality: CT } }'
    const { header, forward } = await rewritten(rule(verbs), [
      text(0x00080050, 'SH', 'ACC'),
      text(0x00080060, 'CS', 'CT'),
      ID,
    ])
    expect(textsOf(header)).toEqual({
      '00080060': 'CT',
      '00100020': 'N',
      '00200010': 'S',
      '04000561': '(1)',
      '04000561[0].04000550': '(1)',
      '04000561[0].04000550[0].00080050': 'ACC',
      '04000561[0].04000550[0].00100020': '0012',
      '04000561[0].04000550[0].00200010': '',
      ...about(0),
    })
    expect(forward?.changes.at(-1)).toEqual({
      tag: '(0400,0561)',
      keyword: 'OriginalAttributesSequence',
      verb: 'record_original',
      before: null,
      after: '(1 item)',
    })
  })

  test('adds to what is recorded already, and records nothing where nothing changes', async () => {
    const earlier = sequence(0x04000561, [
      sequence(0x04000550, [text(0x00100020, 'LO', 'OLD')]),
      text(0x04000563, 'LO', 'X'),
    ])
    const { header } = await rewritten(rule('{ set: { PatientID: N } }'), [ID, earlier])
    expect(textsOf(header)).toMatchObject({
      '04000561': '(2)',
      '04000561[0].04000550[0].00100020': 'OLD',
      '04000561[0].04000563': 'X',
      '04000561[1].04000550[0].00100020': '0012',
      ...about(1),
    })
    expect((await rewritten(rule('{ set: { PatientID: "0012" } }'), [ID, earlier])).forward?.edits).toEqual([])
  })

  test('keeps a sequence whole, items without anything among its items', async () => {
    const requests = sequence(0x00400275, [text(0x00400009, 'SH', 'S1')], [], [text(0x00400009, 'SH', 'S3')])
    const { header } = await rewritten(rule('{ set: { RequestAttributesSequence.ScheduledProcedureStepID: N } }'), [
      requests,
    ])
    expect(textsOf(header)).toMatchObject({
      '00400275[0].00400009': 'N',
      '00400275[1].00400009': 'N',
      '04000561[0].04000550[0].00400275': '(3)',
      '04000561[0].04000550[0].00400275[0].00400009': 'S1',
      '04000561[0].04000550[0].00400275[2].00400009': 'S3',
    })
  })

  test('keeps text that another character set replaces in its own', async () => {
    const verbs = '{ set: { PatientName: "山田" } }'
    const name = text(0x00100010, 'PN', 'Müller')
    const { header } = await rewritten(rule(verbs), [text(0x00080005, 'CS', 'ISO_IR 100'), name])
    expect(textsOf(header)).toMatchObject({
      '00080005': 'ISO_IR 192',
      '00100010': '山田',
      '04000561[0].04000550[0].00080005': 'ISO_IR 100',
      '04000561[0].04000550[0].00100010': 'Müller',
    })
    const undeclared = await rewritten(rule(verbs), [name], undefined, 'ISO_IR 100')
    expect(textsOf(undeclared.header)).toMatchObject({ '04000561[0].04000550[0].00100010': 'Müller' })
  })

  test('keeps a private element with its creator, and every byte of one that is not text', async () => {
    const bytes = Buffer.from('00ff1b5c', 'hex')
    const { header } = await rewritten(rule('{ remove: ["(0009,1001)"] }'), [
      text(0x00090010, 'LO', 'ACME'),
      { kind: 'value', tag: 0x00091001, vr: 'OB', value: bytes },
    ])
    const kept = [...(header?.walk() ?? [])].filter(({ path, tag }) => path.length === 3 && tag >>> 16 === 9)
    expect(kept.map(({ vr, value }) => [vr, value?.toString('hex')])).toEqual([
      ['LO', Buffer.from('ACME').toString('hex')],
      ['OB', '00ff1b5c'],
    ])
  })

  test('is inherited, can be taken back, and holds what is too large to be kept', async () => {
    const inside = (more: string) =>
      rulesetOf(
        `rules: [{ name: p, record_original: true, rules: [{ name: r ${more}, rewrite: [{ set: { PatientID: N } }], forward: [a] }] }]`,
      )
    expect(textsOf((await rewritten(inside(''), [ID])).header)['04000561']).toBe('(1)')
    expect(textsOf((await rewritten(inside(', record_original: false'), [ID])).header)['04000561']).toBeUndefined()
    const long = { kind: 'value', tag: 0x0040a160, vr: 'UT', value: Buffer.alloc(70_000, 0x20) } as const
    expect((await rewritten(rule('{ remove: [TextValue] }'), [long])).decision.holds[0]?.reason).toBe(
      'rewrite: TextValue is too large to be kept beside what replaces it',
    )
  })
})
