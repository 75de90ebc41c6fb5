import { describe, expect, test } from '@jest/globals'
import { HeaderCollector } from '../../src/dicom/scan.ts'
import { transferSyntaxOf } from '../../src/dicom/transfer-syntax.ts'
import { decide } from '../../src/rules/decide.ts'
import type { Decision } from '../../src/rules/decision.ts'
import type { Facts } from '../../src/rules/facts.ts'
import { viewOfHeader } from '../../src/rules/header-view.ts'
import { rulesetOf } from './support.ts'

const EXPLICIT = '1.2.840.10008.1.2.1'
const BIG_ENDIAN = '1.2.840.10008.1.2.2'

/** One element in Explicit VR with a 16-bit length, or a sequence of one item. */
function element(tag: number, vr: string, value: Buffer, big = false): Buffer {
  const head = Buffer.alloc(vr === 'SQ' ? 12 : 8)
  const write = (n: number, at: number): unknown => (big ? head.writeUInt16BE(n, at) : head.writeUInt16LE(n, at))
  write(tag >>> 16, 0)
  write(tag & 0xffff, 2)
  head.write(vr, 4, 'latin1')
  if (vr === 'SQ') head.writeUInt32LE(value.length + 8, 8)
  else write(value.length, 6)
  if (vr !== 'SQ') return Buffer.concat([head, value])
  const item = Buffer.alloc(8)
  item.writeUInt16LE(0xfffe, 0)
  item.writeUInt16LE(0xe000, 2)
  item.writeUInt32LE(value.length, 4)
  return Buffer.concat([head, item, value])
}

const text = (tag: number, vr: string, value: string, encoding: BufferEncoding = 'latin1', big = false): Buffer => {
  const bytes = Buffer.from(value, encoding)
  return element(
    tag,
    vr,
    bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.from(vr === 'UI' ? '\0' : ' ')]),
    big,
  )
}

async function factsOf(elements: readonly Buffer[], transferSyntax = EXPLICIT): Promise<Facts> {
  const collector = new HeaderCollector(transferSyntaxOf(transferSyntax))
  collector.push(Buffer.concat(elements))
  const scanned = await collector.finish()
  if (scanned.outcome !== 'header') throw new Error(scanned.reason)
  const header = viewOfHeader(scanned.header)
  const reception = { callingAe: 'CT1', calledAe: 'KURIR', peer: '127.0.0.1', door: 'dimse' }
  return {
    ...reception,
    sopClass: '1.2',
    sopInstanceUid: '1.2.3',
    transferSyntax,
    header,
    receivedAt: 1_767_225_600_000,
  }
}

const rewrite = async (verbs: string, elements: readonly Buffer[], transferSyntax?: string): Promise<Decision> =>
  decide(rulesetOf(`rules: [{ name: r, rewrite: [${verbs}], forward: [a] }]`), await factsOf(elements, transferSyntax))

const edits = (decision: Decision) =>
  decision.forwards[0]?.edits.map((edit) => [
    edit.path.map(({ tag, item }) => `${tag.toString(16)}${item === undefined ? '' : `[${item}]`}`).join('.'),
    edit.verb === 'set' ? `${edit.vr} ${Buffer.from(edit.value).toString('hex')}` : edit.verb,
  ])

const hex = (value: string, encoding: BufferEncoding = 'latin1'): string => Buffer.from(value, encoding).toString('hex')
const ID = text(0x00100020, 'LO', '12')

describe('what a rewrite resolves to', () => {
  test('is padded to even length, a UID with NUL and text with a space', async () => {
    expect(edits(await rewrite('{ set: { PatientID: ABC, FrameOfReferenceUID: 1.2.3, Modality: CT } }', [ID]))).toEqual(
      [
        ['80060', `CS ${hex('CT')}`],
        ['100020', `LO ${hex('ABC ')}`],
        ['200052', `UI ${hex('1.2.3\0')}`],
      ],
    )
  })

  test('has numbers in the byte order of the received transfer syntax', async () => {
    const verbs = '{ set: { LargestImagePixelValue: "258" } }, { set: { TableOfYBreakPoints: "1" } }'.replace(
      ', { set: { TableOfYBreakPoints: "1" } }',
      '',
    )
    expect(edits(await rewrite(verbs, [ID]))).toEqual([['280107', 'US 0201']])
    expect(edits(await rewrite(verbs, [text(0x00100020, 'LO', '12', 'latin1', true)], BIG_ENDIAN))).toEqual([
      ['280107', 'US 0102'],
    ])
  })

  test('is written in the received character set where that can hold it', async () => {
    const decision = await rewrite('{ set: { InstitutionName: "Krankenhaus Süd" } }', [
      text(0x00080005, 'CS', 'ISO_IR 100'),
      ID,
    ])
    expect(edits(decision)).toEqual([['80080', `LO ${hex('Krankenhaus Süd ')}`]])
  })

  test('converts all text of the header to ISO_IR 192 where it cannot', async () => {
    const elements = [
      text(0x00080005, 'CS', 'ISO_IR 100'),
      element(0x00081115, 'SQ', Buffer.concat([text(0x0008103e, 'LO', 'Schädel'), text(0x00200011, 'IS', '1')])),
      text(0x00100010, 'PN', 'Müller^A'),
      ID,
    ]
    const decision = await rewrite('{ set: { InstitutionName: "病院" } }', elements)
    expect(decision.holds).toEqual([])
    expect(edits(decision)).toEqual([
      ['80005', `CS ${hex('ISO_IR 192')}`],
      ['80080', `LO ${hex('病院', 'utf8')}`],
      ['81115[0].8103e', `LO ${hex('Schädel', 'utf8')}`],
      ['100010', `PN ${hex('Müller^A ', 'utf8')}`],
    ])
    expect(
      decision.forwards[0]?.changes.map(({ keyword, verb, before, after }) => [keyword, verb, before, after]),
    ).toEqual([
      ['InstitutionName', 'set', null, '病院'],
      ['SpecificCharacterSet', 'convert', 'ISO_IR 100', 'ISO_IR 192'],
    ])
  })

  test('declares ISO_IR 192 where nothing was declared and the text is not ASCII', async () => {
    expect(edits(await rewrite('{ set: { PatientID: "é" } }', [ID]))).toEqual([
      ['80005', `CS ${hex('ISO_IR 192')}`],
      ['100020', `LO ${hex('é', 'utf8')}`],
    ])
  })

  test('is nothing when everything stays as it was', async () => {
    expect(edits(await rewrite('{ set: { PatientID: "12" } }, { remove: [PatientName] }', [ID]))).toEqual([])
  })

  test('takes out and empties what is there, sequences too', async () => {
    const sequence = element(0x00081115, 'SQ', text(0x00200011, 'IS', '1'))
    const creator = text(0x00090010, 'LO', 'ACME')
    expect(edits(await rewrite('{ remove: [ReferencedSeriesSequence, private] }', [sequence, creator, ID]))).toEqual([
      ['81115', 'remove'],
      ['90010', 'remove'],
    ])
    expect(edits(await rewrite('{ set: { "(0009,1001)": X } }, { empty: [PatientID] }', [creator, ID]))).toEqual([
      ['91001', `LO ${hex('X ')}`],
      ['100020', 'LO '],
    ])
  })

  test('sees through items when matching', async () => {
    const facts = await factsOf([element(0x00081115, 'SQ', text(0x00200011, 'IS', '7')), ID])
    const forwards = (match: string): number =>
      decide(rulesetOf(`rules: [{ name: r, match: ${match}, forward: [a] }]`), facts).forwards.length
    expect(forwards('{ ReferencedSeriesSequence.SeriesNumber: { gte: 7 } }')).toBe(1)
    expect(forwards('{ "ReferencedSeriesSequence[1].SeriesNumber": { present: true } }')).toBe(0)
    expect(forwards('{ ReferencedSeriesSequence: { present: true } }')).toBe(1)
    expect(forwards('{ PatientID: "12", not: { StudyID: { present: true } } }')).toBe(1)
  })
})

describe('text of no known character set', () => {
  const latin = text(0x00080080, 'LO', 'Süd')
  const wide = '{ set: { PatientName: "山" } }'

  test('holds what would have to be converted, and nothing else', async () => {
    const reason =
      'rewrite: InstitutionName has text of no character set that is known; default_charset of its caller may say which'
    expect((await rewrite(wide, [latin, ID])).holds[0]?.reason).toBe(reason)
    const strange = text(0x00080005, 'CS', 'NONSENSE')
    expect((await rewrite(wide, [strange, latin, ID])).holds[0]?.reason).toBe(reason)
    expect(edits(await rewrite('{ set: { PatientID: N } }', [latin, ID]))).toEqual([['100020', `LO ${hex('N ')}`]])
    expect((await rewrite(`{ remove: [InstitutionName] }, ${wide}`, [latin, ID])).holds).toEqual([])
  })

  test('is converted where it is UTF-8 after all', async () => {
    expect(edits(await rewrite(wide, [text(0x00080080, 'LO', 'Süd', 'utf8'), ID]))).toEqual([
      ['80005', `CS ${hex('ISO_IR 192')}`],
      ['80080', `LO ${hex('Süd', 'utf8')}`],
      ['100010', `PN ${hex('山 ', 'utf8')}`],
    ])
  })

  test('and an item that declares a set of its own is written in that', async () => {
    const item = Buffer.concat([text(0x00080005, 'CS', 'ISO_IR 144'), text(0x0008103e, 'LO', 'x')])
    const elements = [text(0x00080005, 'CS', 'ISO_IR 100'), element(0x00081115, 'SQ', item)]
    expect(edits(await rewrite('{ set: { ReferencedSeriesSequence.SeriesDescription: "Ж" } }', elements))).toEqual([
      ['81115[0].8103e', 'LO b620'],
    ])
  })
})

describe('what a VR cannot hold is held, and never cut', () => {
  test.each([
    ['PatientName: "A=B=C=D"', 'PatientName has more than 3 component groups'],
    ['PatientBirthDate: "{StudyID}"', 'PatientBirthDate does not fit DA: there is no such day'],
    ['StudyTime: "99{AccessionNumber}"', 'StudyTime does not fit TM: there is no such time'],
    ['SeriesNumber: "9{StudyID}9"', 'SeriesNumber does not fit IS, a whole number from -2147483648 to 2147483647'],
    ['AccessionNumber: "{StudyID}{StudyID}{StudyID}"', 'AccessionNumber is 24 characters; SH holds 16'],
    ['PatientSex: "f{StudyID}"', 'PatientSex does not fit CS, which is capital letters, digits, space and underscore'],
    ['PatientAge: "{StudyID}"', 'PatientAge is 8 characters; AS holds 4'],
    ['PatientID: "{PatientComments}"', 'PatientID is 65 characters; LO holds 64'],
  ])('%s', async (verb, reason) => {
    const elements = [
      text(0x00080050, 'SH', '00'),
      text(0x00104000, 'LT', 'é'.repeat(65)),
      text(0x00200010, 'SH', '20260231'),
    ]
    const set = verb.startsWith('PatientName') ? verb.replace('A=B=C=D', 'A=B=C=D{AccessionNumber}') : verb
    expect((await rewrite(`{ set: { ${set} } }`, elements)).holds[0]?.reason).toBe(`rewrite: ${reason}`)
  })

  test('but characters are counted, not bytes, and what came too long may be copied to the same VR', async () => {
    const wide = [text(0x00080005, 'CS', 'ISO_IR 192'), text(0x00200010, 'SH', 'é'.repeat(16), 'utf8')]
    expect((await rewrite('{ set: { AccessionNumber: "{StudyID}" } }', wide)).holds).toEqual([])
    const long = [text(0x00200010, 'SH', 'A'.repeat(20))]
    expect(edits(await rewrite('{ copy: { from: StudyID, to: AccessionNumber } }', long))).toEqual([
      ['80050', `SH ${hex('A'.repeat(20))}`],
    ])
    expect((await rewrite('{ copy: { from: StudyID, to: PatientSex } }', long)).holds).toHaveLength(1)
  })
})
