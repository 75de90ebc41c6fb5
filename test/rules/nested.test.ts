import { deflateRawSync } from 'node:zlib'
import { describe, expect, test } from '@jest/globals'
import { transferSyntaxOf } from '../../src/dicom/transfer-syntax.ts'
import { decide } from '../../src/rules/decide.ts'
import { encode } from '../dicom/random-data-set.ts'
import { EXPLICIT, factsOf, rewritten, sequence, text, textsOf } from './instance.ts'
import { rulesetOf } from './support.ts'

const step = (id: string) => text(0x00400009, 'SH', id)
const REQUESTS = sequence(0x00400275, [step('S1')], [step('S2'), text(0x00401001, 'SH', 'P2')])
const X = 'RequestAttributesSequence.ScheduledProcedureStepID'
const outcome = async (verbs: string, elements = [REQUESTS], transferSyntax = EXPLICIT) => {
  const { header, decision } = await rewritten(verbs, elements, transferSyntax)
  return decision.holds.length > 0 ? decision.holds.map(({ reason }) => reason) : textsOf(header)
}

describe('a rewrite inside sequences', () => {
  test('means every item where none is numbered, and makes none', async () => {
    const both = {
      '00400275': '(2)',
      '00400275[0].00400009': 'N',
      '00400275[1].00400009': 'N',
      '00400275[1].00401001': 'P2',
    }
    expect(await outcome(`{ set: { ${X}: N } }`)).toEqual(both)
    expect(await outcome(`{ set: { ${X}: N } }`, [text(0x00100020, 'LO', '1')])).toEqual({ '00100020': '1' })
  })

  test('means the item that is numbered, and makes the one right behind the last', async () => {
    const numbered = (n: number) => `{ set: { "RequestAttributesSequence[${n}].RequestedProcedureID": N } }`
    expect(await outcome(numbered(0))).toMatchObject({
      '00400275': '(2)',
      '00400275[0].00401001': 'N',
      '00400275[1].00401001': 'P2',
    })
    expect(await outcome(numbered(2))).toMatchObject({ '00400275': '(3)', '00400275[2].00401001': 'N' })
    expect(await outcome(numbered(0), [text(0x00100020, 'LO', '1')])).toEqual({
      '00100020': '1',
      '00400275': '(1)',
      '00400275[0].00401001': 'N',
    })
  })

  test('holds rather than leave a gap', async () => {
    expect(await outcome('{ set: { "RequestAttributesSequence[3].RequestedProcedureID": N } }')).toEqual([
      'rewrite: RequestAttributesSequence[3].RequestedProcedureID would leave a gap: the sequence has 2 items',
    ])
    const verbs =
      '{ set: { "RequestAttributesSequence[2].RequestedProcedureID": N } }, { set: { "RequestAttributesSequence[3].RequestedProcedureID": N } }, { remove: ["RequestAttributesSequence[2].RequestedProcedureID"] }'
    expect(await outcome(verbs)).toEqual(['rewrite: RequestAttributesSequence[2] would be an item without anything'])
  })

  test('makes a sequence within an item that it makes', async () => {
    const verbs =
      '{ set: { "ProcedureCodeSequence[0].CodeValue": C, "ScheduledStepAttributesSequence[0].ScheduledProtocolCodeSequence[0].CodeValue": D } }'
    expect(await outcome(verbs, [text(0x00100020, 'LO', '1')])).toEqual({
      '00100020': '1',
      '00081032': '(1)',
      '00081032[0].00080100': 'C',
      '00400270': '(1)',
      '00400270[0].00400008': '(1)',
      '00400270[0].00400008[0].00080100': 'D',
    })
  })

  test('removes, empties and changes item by item, with values of the same item', async () => {
    expect(await outcome(`{ remove: [${X}] }`)).toEqual({ '00400275': '(2)', '00400275[1].00401001': 'P2' })
    expect(await outcome(`{ empty: ["RequestAttributesSequence[1].ScheduledProcedureStepID"] }`)).toMatchObject({
      '00400275[0].00400009': 'S1',
      '00400275[1].00400009': '',
    })
    expect(await outcome(`{ prefix: { ${X}: K- } }, { suffix: { ${X}: -Z } }`)).toMatchObject({
      '00400275[0].00400009': 'K-S1-Z',
      '00400275[1].00400009': 'K-S2-Z',
    })
    const beside = { '00400275[0].00401001': 'S1', '00400275[1].00401001': 'S2' }
    expect(await outcome(`{ copy: { from: ${X}, to: RequestAttributesSequence.RequestedProcedureID } }`)).toMatchObject(
      beside,
    )
    expect(await outcome(`{ set: { RequestAttributesSequence.RequestedProcedureID: "{${X}}" } }`)).toMatchObject(beside)
    expect(await outcome(`{ set_if_missing: { RequestAttributesSequence.RequestedProcedureID: N } }`)).toMatchObject({
      '00400275[0].00401001': 'N',
      '00400275[1].00401001': 'P2',
    })
    expect(await outcome(`{ set: { StudyID: "{${X}}" } }`)).toEqual([`rewrite: ${X} has several different values`])
  })

  test('writes a sequence anew that it removed before', async () => {
    const verbs =
      '{ remove: [RequestAttributesSequence] }, { set: { "RequestAttributesSequence[0].ScheduledProcedureStepID": N } }'
    const { header, forward } = await rewritten(verbs, [REQUESTS, text(0x00400280, 'ST', 'behind')])
    expect(textsOf(header)).toEqual({ '00400275': '(1)', '00400275[0].00400009': 'N', '00400280': 'behind' })
    expect(forward?.changes).toEqual([
      {
        tag: '(0040,0275)',
        keyword: 'RequestAttributesSequence',
        verb: 'remove',
        before: '(2 items)',
        after: '(1 item)',
      },
      { tag: '(0040,0275)[0].(0040,0009)', keyword: 'ScheduledProcedureStepID', verb: 'set', before: null, after: 'N' },
    ])
  })

  test('is nothing where a sequence that was never there is removed', async () => {
    const { forward } = await rewritten('{ remove: [RequestAttributesSequence] }', [step('x')])
    expect(forward?.edits).toEqual([])
  })

  test('takes private elements out at every depth, alone or by their group', async () => {
    const own = [text(0x00090010, 'LO', 'ACME'), text(0x00091001, 'LO', 'x')]
    const nested = sequence(0x00081140, [...own, text(0x00110010, 'LO', 'B'), text(0x00200011, 'IS', '1')])
    const gone = { '00081140': '(1)', '00081140[0].00200011': '1' }
    expect(await outcome('{ remove: [private] }', [nested, ...own])).toEqual(gone)
    expect(await outcome('{ remove: ["(0009,xxxx)"] }', [nested, ...own])).toEqual({
      ...gone,
      '00081140[0].00110010': 'B',
    })
    expect(await outcome('{ remove: ["(0009,1001)"] }', [nested, ...own])).toMatchObject({
      '00081140[0].00091001': 'x',
      '00090010': 'ACME',
    })
  })

  test('writes a private element only where its creator stands, in the same item', async () => {
    const creator = text(0x00090010, 'LO', 'ACME')
    const set = '{ set: { "ReferencedImageSequence.(0009,1001)": N } }'
    expect(await outcome(set, [sequence(0x00081140, [creator])])).toMatchObject({ '00081140[0].00091001': 'N' })
    expect(await outcome(set, [sequence(0x00081140, [step('x')]), creator])).toEqual([
      'rewrite: ReferencedImageSequence.(0009,1001) has no private creator in this instance',
    ])
    expect(await outcome('{ set: { "(0009,0010)": ACME, "(0009,1001)": N } }', [step('x')])).toMatchObject({
      '00090010': 'ACME',
      '00091001': 'N',
    })
    expect(await outcome('{ remove: ["(0009,0010)"] }, { set: { "(0009,1001)": N } }', [creator])).toEqual([
      'rewrite: (0009,1001) has no private creator in this instance',
    ])
  })

  test('holds what goes into something that cannot be looked into', async () => {
    const many = sequence(
      0x00400275,
      ...Array.from({ length: 20_000 }, (_, i) => [step(`${i}`), text(0x00401001, 'SH', '1')]),
    )
    expect(await outcome(`{ set: { ${X}: N } }`, [many])).toEqual([
      'rewrite: RequestAttributesSequence cannot be looked into',
    ])
  })

  test.each(['1.2.840.10008.1.2', '1.2.840.10008.1.2.2', '1.2.840.10008.1.2.1.99'])('works in %s', async (uid) => {
    const verbs = `{ set: { ${X}: N, "RequestAttributesSequence[2].RequestedProcedureID": M } }`
    const plain = encode([REQUESTS], transferSyntaxOf(uid))
    const bytes = transferSyntaxOf(uid).deflated ? deflateRawSync(plain) : plain
    expect(textsOf((await rewritten(verbs, bytes, uid)).header)).toEqual({
      '00400275': '(3)',
      '00400275[0].00400009': 'N',
      '00400275[1].00400009': 'N',
      '00400275[1].00401001': 'P2',
      '00400275[2].00401001': 'M',
    })
  })
})

describe('an amendment inside a sequence', () => {
  const amended = async (name: string, value: string | null) => {
    const ruleset = rulesetOf(
      `rules: [{ name: r, match: { ${X}: AMENDED }, forward: [a] }, { name: s, match: { not: { ${X}: AMENDED } }, forward: [b] }]`,
    )
    const bytes = encode([REQUESTS], transferSyntaxOf(EXPLICIT))
    return decide(ruleset, { ...(await factsOf(bytes)), amendments: [{ name, value }] })
  }

  test('is seen by matches, and leaves', async () => {
    const { forwards } = await amended('RequestAttributesSequence[1].ScheduledProcedureStepID', 'AMENDED')
    expect(forwards.map(({ destination }) => destination)).toEqual(['a'])
    expect(forwards[0]?.changes).toEqual([
      {
        tag: '(0040,0275)[1].(0040,0009)',
        keyword: 'ScheduledProcedureStepID',
        verb: 'amend',
        before: 'S2',
        after: 'AMENDED',
      },
    ])
    expect((await amended(X, null)).forwards[0]?.edits).toHaveLength(2)
  })

  test('holds where it would leave a gap', async () => {
    const { holds } = await amended('RequestAttributesSequence[7].ScheduledProcedureStepID', 'AMENDED')
    expect(holds[0]?.reason).toMatch(/^rewrite: amendment: RequestAttributesSequence\[7\]\S* would leave a gap/)
  })
})

describe('what cannot be opened is not half converted', () => {
  const WIDE = '{ set: { PatientName: "山" } }'
  const IMPLICIT = '1.2.840.10008.1.2'
  const item = (content: Buffer): Buffer => {
    const head = Buffer.from('feff00e000000000', 'hex')
    head.writeUInt32LE(content.length, 4)
    return Buffer.concat([head, content])
  }
  const unknown = (tag: number, value: Buffer) => ({ kind: 'value', tag, vr: 'UN', value }) as const
  const inside = (value: string, encoding: BufferEncoding = 'latin1') =>
    item(encode([text(0x00080104, 'LO', value, encoding)], transferSyntaxOf(IMPLICIT)))
  const LATIN = text(0x00080005, 'CS', 'ISO_IR 100')

  test('UN that holds text is held, UN that holds none passes as it is', async () => {
    const { decision } = await rewritten(WIDE, [LATIN, unknown(0x00400260, inside('Süd '))])
    expect(decision.holds[0]?.reason).toBe(
      'rewrite: PerformedProtocolCodeSequence came as UN of a known length, so text in it cannot be changed; a rewrite may remove it',
    )
    expect((await rewritten(WIDE, [LATIN, unknown(0x00400260, inside('Sud '))])).decision.holds).toEqual([])
  })

  test('private text of an implicit data set is held, private bytes pass', async () => {
    const creator = text(0x00090010, 'LO', 'ACME')
    const held = await rewritten(WIDE, [LATIN, creator, unknown(0x00091001, Buffer.from('Süd!', 'latin1'))], IMPLICIT)
    expect(held.decision.holds[0]?.reason).toBe('rewrite: (0009,1001) cannot be converted to ISO_IR 192')
    const bytes = Buffer.from('00ff0001', 'hex')
    const passed = await rewritten(WIDE, [LATIN, creator, unknown(0x00091001, bytes)], IMPLICIT)
    expect(passed.bytes?.includes(bytes)).toBe(true)
  })

  test('a sequence too large to keep is held', async () => {
    const many = sequence(0x00081140, ...Array.from({ length: 30_000 }, (_, i) => [text(0x00081155, 'UI', `1.9.${i}`)]))
    const { decision } = await rewritten(WIDE, [LATIN, many])
    expect(decision.holds[0]?.reason).toMatch(/^rewrite: ReferencedImageSequence is too large, so text in it/)
  })
})

test('numbers inside a sequence that is UN are little endian, whatever the data set is', async () => {
  const uid = '1.2.840.10008.1.2.2'
  const requests = { ...sequence(0x00400275, [text(0x00401001, 'SH', 'P1')]), isUnknown: true }
  const { bytes } = await rewritten('{ set: { RequestAttributesSequence.Rows: "258", Rows: "258" } }', [requests], uid)
  expect(bytes?.includes(Buffer.from('0028001055530002' + '0102', 'hex'))).toBe(true)
  expect(bytes?.includes(Buffer.from('28001000020000000201', 'hex'))).toBe(true)
})
