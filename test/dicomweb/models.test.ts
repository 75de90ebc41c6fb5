import { describe, expect, test } from '@jest/globals'
import { KurirError } from '../../src/base/failure.ts'
import { tagOf } from '../../src/dicom/attribute-path.ts'
import type { Header } from '../../src/dicom/header.ts'
import { HeaderCollector } from '../../src/dicom/scan.ts'
import { transferSyntaxByKeyword, transferSyntaxOf } from '../../src/dicom/transfer-syntax.ts'
import { type DataSetPiece, writeDataSet } from '../../src/dicomweb/data-set-writer.ts'
import { type Bulk, bulkNames, dataSetSlices, identityOf, syntaxFor } from '../../src/dicomweb/instance-model.ts'
import { readJsonModel } from '../../src/dicomweb/json-model.ts'
import type { ModelItem } from '../../src/dicomweb/model.ts'
import { NativeModelReader } from '../../src/dicomweb/native-model.ts'
import { atOnce } from '../support/at-once.ts'
import { madeElement } from '../support/data-set.ts'
import { processorMs } from '../support/processor-time.ts'

const EXPLICIT = transferSyntaxOf('1.2.840.10008.1.2.1')

/** Reads a model in XML, a few bytes at a time. */
function readXml(text: string): ModelItem {
  const reader = new NativeModelReader()
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += 5) reader.write(bytes.subarray(at, at + 5))
  return reader.end()
}

const xml = (inner: string): ModelItem =>
  readXml(`<?xml version="1.0" encoding="UTF-8"?>
<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM" xml:space="preserve">${inner}</NativeDicomModel>`)
const json = (attributes: object): ModelItem => atOnce(readJsonModel(JSON.stringify(attributes)))[0] ?? []

async function bytesOf(model: ModelItem, bulks: Readonly<Record<string, readonly Buffer[]>> = {}, syntax = EXPLICIT) {
  const slices: Buffer[] = []
  const bulkOf = (name: string): readonly Bulk[] =>
    (bulks[name] ?? []).map((bytes) => ({
      length: bytes.length,
      async *slices() {
        yield bytes
      },
    }))
  for await (const slice of dataSetSlices(atOnce(writeDataSet(model, syntax)), syntax, bulkOf))
    slices.push(Buffer.from(slice))
  return Buffer.concat(slices)
}

const codeOf = async (work: () => unknown): Promise<string> => {
  try {
    await work()
    return 'none'
  } catch (error) {
    return error instanceof KurirError ? error.code : String(error)
  }
}

async function headerOf(dataSet: Buffer, syntax = EXPLICIT): Promise<Header> {
  const collector = new HeaderCollector(syntax)
  collector.push(dataSet)
  const scan = await collector.finish()
  if (scan.outcome !== 'header') throw new Error(scan.reason)
  return scan.header
}

const number = (value: number, bytes: number): Buffer => {
  const buffer = Buffer.alloc(8)
  buffer.writeBigInt64LE(BigInt(value))
  return buffer.subarray(0, bytes)
}

describe('a model is written as a data set', () => {
  test('in the order of tags, every kind of value padded as its VR asks, the same from JSON and from XML', async () => {
    const fromJson = json({
      '00280010': { vr: 'US', Value: [3, 65535] },
      '00100010': { vr: 'PN', Value: [{ Alphabetic: 'Example^Emma' }] },
      '00080018': { vr: 'UI', Value: ['1.2.3'] },
      '00080008': { vr: 'CS', Value: ['ORIGINAL', null, 'AXIAL'] },
      '00180050': { vr: 'DS', Value: [1.25, '2.50', 0.12345678901234568] },
      '00200013': { vr: 'IS', Value: [7] },
      '00280009': { vr: 'AT', Value: ['00181063'] },
      '00281052': { vr: 'FD', Value: [-1.5] },
      '00100040': { vr: 'CS' },
      '00420011': { vr: 'OB', InlineBinary: 'AQID' },
      '00720001': { vr: 'SV', Value: ['-9'] },
    })
    const value = (...values: readonly string[]) =>
      values.map((one, i) => `<Value number="${i + 1}">${one}</Value>`).join('')
    const fromXml = xml(`
      <DicomAttribute tag="00280010" vr="US" keyword="Rows">${value('3', '65535')}</DicomAttribute>
      <DicomAttribute tag="00100010" vr="PN"><PersonName number="1"><Alphabetic><FamilyName>Example</FamilyName><GivenName>Emma</GivenName></Alphabetic></PersonName></DicomAttribute>
      <DicomAttribute tag="00080018" vr="UI">${value('1.2.3')}</DicomAttribute>
      <DicomAttribute tag="00080008" vr="CS">${value('ORIGINAL', '', 'AXIAL')}</DicomAttribute>
      <DicomAttribute tag="00180050" vr="DS">${value('1.25', '2.50', '0.12345678901235')}</DicomAttribute>
      <DicomAttribute tag="00200013" vr="IS">${value('7')}</DicomAttribute>
      <DicomAttribute tag="00280009" vr="AT">${value('00181063')}</DicomAttribute>
      <DicomAttribute tag="00281052" vr="FD">${value('-1.5')}</DicomAttribute>
      <DicomAttribute tag="00100040" vr="CS"/>
      <DicomAttribute tag="00420011" vr="OB"><InlineBinary>AQ
        ID</InlineBinary></DicomAttribute>
      <DicomAttribute tag="00720001" vr="SV">${value('-9')}</DicomAttribute>`)
    const double = Buffer.alloc(8)
    double.writeDoubleLE(-1.5)
    const expected = Buffer.concat([
      madeElement('00080008', 'CS', 'ORIGINAL\\\\AXIAL'),
      madeElement('00080018', 'UI', '1.2.3'),
      madeElement('00100010', 'PN', 'Example^Emma'),
      madeElement('00100040', 'CS', ''),
      madeElement('00180050', 'DS', '1.25\\2.50\\0.12345678901235'),
      madeElement('00200013', 'IS', '7'),
      madeElement('00280009', 'AT', Buffer.from([0x18, 0, 0x63, 0x10])),
      madeElement('00280010', 'US', Buffer.from([3, 0, 255, 255])),
      madeElement('00281052', 'FD', double),
      madeElement('00420011', 'OB', Buffer.from([1, 2, 3])),
      madeElement('00420015', 'UL', number(3, 4)),
      madeElement('00720001', 'SV', number(-9, 8)),
    ])
    expect(await bytesOf(fromJson)).toEqual(expected)
    expect(await bytesOf(fromXml)).toEqual(expected)
  })

  test('with sequences in sequences, empty ones and empty items, implicit or explicit', async () => {
    const model = json({
      '00081115': {
        vr: 'SQ',
        Value: [{ '0020000E': { vr: 'UI', Value: ['1.2'] }, '00081199': { vr: 'SQ', Value: [{}, null] } }],
      },
      '00081140': { vr: 'SQ' },
    })
    for (const syntax of [EXPLICIT, transferSyntaxOf('1.2.840.10008.1.2')]) {
      const header = await headerOf(await bytesOf(model, {}, syntax), syntax)
      expect(header.values([{ tag: 0x00081115 as never, item: 0 }, { tag: 0x0020000e as never }])).toEqual(['1.2'])
    }
  })

  test('with text in the character set that it declares, else all of it in UTF-8', async () => {
    const name = (terms: readonly string[], text: string) =>
      json({
        ...(terms.length === 0 ? {} : { '00080005': { vr: 'CS', Value: terms } }),
        '00100010': { vr: 'PN', Value: [{ Alphabetic: text }] },
        '00081110': {
          vr: 'SQ',
          Value: [{ '00080005': { vr: 'CS', Value: ['ISO_IR 192'] }, '00081030': { vr: 'LO', Value: [text] } }],
        },
      })
    const latin = await bytesOf(name(['ISO_IR 100'], 'Müller'))
    expect(latin.includes(Buffer.from('Müller', 'latin1'))).toBe(true)
    expect(latin.includes(Buffer.from('Müller'))).toBe(false)
    expect(latin.toString('latin1').match(/ISO_IR \d+/g)).toEqual(['ISO_IR 100'])
    for (const [terms, text] of [
      [['ISO_IR 100'], 'Ελένη'],
      [[], 'Müller'],
      [['ISO 2022 IR 6', 'ISO 2022 IR 87'], '홍길동'],
    ] as const) {
      const written = await bytesOf(name(terms, text))
      expect(written.includes(Buffer.from(text))).toBe(true)
      expect(written.toString('latin1').match(/ISO[_ ].*?\d+/g)).toEqual(['ISO_IR 192'])
    }
    expect((await bytesOf(name([], 'Plain'))).toString('latin1')).not.toContain('ISO')
  })

  test('with private attributes in the block of their creator, or in one that is reserved for it', async () => {
    const model = xml(`
      <DicomAttribute tag="00090010" vr="LO"><Value number="1">FIRST</Value></DicomAttribute>
      <DicomAttribute tag="00090010" vr="SH" privateCreator="FIRST"><Value number="1">one</Value></DicomAttribute>
      <DicomAttribute tag="00090002" vr="SH" privateCreator="SECOND"><Value number="1">two</Value></DicomAttribute>
      <DicomAttribute tag="00111001" vr="SH" privateCreator="THIRD"><Value number="1">three</Value></DicomAttribute>`)
    expect(await bytesOf(model)).toEqual(
      Buffer.concat([
        madeElement('00090010', 'LO', 'FIRST'),
        madeElement('00090011', 'LO', 'SECOND'),
        madeElement('00091010', 'SH', 'one'),
        madeElement('00091102', 'SH', 'two'),
        madeElement('00110010', 'LO', 'THIRD'),
        madeElement('00111001', 'SH', 'three'),
      ]),
    )
  })

  test('without group 0002, group lengths and delimiters, of which the first says what it is', async () => {
    const model = json({
      '00020002': { vr: 'UI', Value: ['1.2.840.10008.5.1.4.1.1.104.1'] },
      '00020003': { vr: 'UI', Value: ['1.2.3'] },
      '00020010': { vr: 'UI', Value: ['1.2.840.10008.1.2'] },
      '00080000': { vr: 'UL', Value: [4] },
      '00080018': { vr: 'UI', Value: ['1.2.3'] },
    })
    expect(await bytesOf(model)).toEqual(madeElement('00080018', 'UI', '1.2.3'))
    const identity = identityOf(model)
    expect(identity).toMatchObject({ sopInstanceUid: '1.2.3', transferSyntaxUid: '1.2.840.10008.1.2' })
    expect(syntaxFor('1.2.840.10008.1.2.1', identity, undefined)?.keyword).toBe('ExplicitVRLittleEndian')
    expect(syntaxFor(undefined, identity, undefined)?.keyword).toBe('ImplicitVRLittleEndian')
    expect(syntaxFor('1.2.840.10008.1.2.2', identity, undefined)).toBeUndefined()
  })
})

describe('bulk data', () => {
  const document = json({
    '00080018': { vr: 'UI', Value: ['1.2.3'] },
    '00420011': { vr: 'OB', BulkDataURI: 'doc' },
    '00420015': { vr: 'UL', Value: [99] },
  })

  test('is put in as it is, an odd one padded by one NUL, and a document’s true length stands beside it', async () => {
    expect([...bulkNames(document)]).toEqual(['doc'])
    expect(await bytesOf(document, { doc: [Buffer.from('%PDF!')] })).toEqual(
      Buffer.concat([
        madeElement('00080018', 'UI', '1.2.3'),
        madeElement('00420011', 'OB', Buffer.from('%PDF!\0')),
        madeElement('00420015', 'UL', number(5, 4)),
      ]),
    )
  })

  test('of encapsulated pixels makes a fragment of each part', async () => {
    const pieces: readonly DataSetPiece[] = atOnce(
      writeDataSet(
        xml('<DicomAttribute tag="7FE00010" vr="OB"><BulkData uri="f"/></DicomAttribute>'),
        transferSyntaxByKeyword('JPEGBaseline8Bit') ?? EXPLICIT,
      ),
    )
    expect(pieces.map(({ kind }) => kind)).toEqual(['fragments'])
    const model = xml('<DicomAttribute tag="7FE00010" vr="OB"><BulkData uri="f"/></DicomAttribute>')
    const bytes = await bytesOf(
      model,
      { f: [Buffer.from('abc'), Buffer.from('de')] },
      transferSyntaxOf('1.2.840.10008.1.2.4.50'),
    )
    const item = (text: string): string => `\xfe\xff\x00\xe0${String.fromCharCode(text.length)}\0\0\0${text}`
    expect(bytes.toString('latin1')).toBe(
      `\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff${item('')}${item('abc\0')}${item('de')}\xfe\xff\xdd\xe0\0\0\0\0`,
    )
  })

  test('that does not come, or comes twice, makes no instance', async () => {
    expect(await codeOf(() => bytesOf(document))).toBe('invalid-dataset')
    expect(await codeOf(() => bytesOf(document, { doc: [Buffer.of(1), Buffer.of(2)] }))).toBe('invalid-dataset')
  })
})

const deepXml = (levels: number): string =>
  '<DicomAttribute tag="00081140" vr="SQ"><Item number="1">'.repeat(levels) + '</Item></DicomAttribute>'.repeat(levels)
const deepJson = (levels: number): string =>
  `${'{"00081140":{"vr":"SQ","Value":['.repeat(levels)}{}${']}}'.repeat(levels)}`
const creators = (count: number): ModelItem =>
  Array.from({ length: count }, (_, n) => ({
    tag: tagOf(0x0009, n & 0xff),
    vr: 'SH',
    creator: `C${n}`,
    content: { kind: 'values', values: ['x'] },
  }))
const LAUGHS = `<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><NativeDicomModel>&b;</NativeDicomModel>`

test.each<[string, () => unknown]>([
  [
    'a DOCTYPE with an entity from a file',
    () => readXml('<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><NativeDicomModel/>'),
  ],
  ['a DOCTYPE with entities of entities', () => readXml(LAUGHS)],
  [
    'an entity that there is not',
    () => xml('<DicomAttribute tag="00100010" vr="LO"><Value>&a;</Value></DicomAttribute>'),
  ],
  ['sequences a thousand deep in XML', () => xml(deepXml(1_000))],
  ['sequences a hundred thousand deep in JSON', () => atOnce(readJsonModel(deepJson(100_000)))],
  ['XML that ends early', () => readXml('<NativeDicomModel><DicomAttribute')],
  ['XML of another kind', () => readXml('<html/>')],
  ['XML of another encoding', () => readXml('<?xml version="1.0" encoding="UTF-16"?><NativeDicomModel/>')],
  ['XML with a tag that is none', () => xml('<DicomAttribute tag="PatientName" vr="PN"/>')],
  ['no JSON', () => atOnce(readJsonModel('{'))],
  ['JSON of another shape', () => atOnce(readJsonModel('[1]'))],
  ['JSON with a tag that is none', () => json({ PatientName: { vr: 'PN' } })],
  ['JSON with a VR that there is not', () => json({ '00100010': { vr: 'XX' } })],
  ['JSON with two contents', () => json({ '00100010': { vr: 'OB', InlineBinary: '', BulkDataURI: 'x' } })],
  ['Base64 that is none', () => json({ '00420011': { vr: 'OB', InlineBinary: '§' } })],
  ['a number that does not fit', () => bytesOf(json({ '00280010': { vr: 'US', Value: [65_536] } }))],
  // As it came over the wire: 12345678901234567890 is 12345678901234567000 when JSON has been read.
  ...[
    '{"vr":"LO","Value":[12345678901234567890]}',
    '{"vr":"UV","Value":[9007199254740993]}',
    '{"vr":"SH","Value":[1.10]}',
  ].map((attribute): [string, () => unknown] => [
    `a number that JSON has changed: ${attribute}`,
    () => atOnce(readJsonModel(`{"00100020":${attribute}}`)),
  ]),
  ['a number that is none', () => bytesOf(json({ '00280010': { vr: 'US', Value: ['x'] } }))],
  ['a million empty items', () => atOnce(readJsonModel(`{"00081140":{"vr":"SQ","Value":[${'{},'.repeat(1e6)}{}]}}`))],
  ['three million values', () => atOnce(readJsonModel(`{"00280010":{"vr":"US","Value":[${'1,'.repeat(3e6)}1]}}`))],
  ['a million empty attributes', () => xml('<DicomAttribute tag="00100010" vr="LO"/>'.repeat(300_000))],
  ['more private creators than a group has blocks', () => bytesOf(creators(300))],
  [
    'an attribute twice',
    () => bytesOf(atOnce(readJsonModel('{"0020000D":{"vr":"UI"},"0020000d":{"vr":"UI"}}'))[0] ?? []),
  ],
  ['an attribute of a command', () => bytesOf(json({ '00000100': { vr: 'US', Value: [1] } }))],
  ['umlauts in a code string', () => bytesOf(json({ '00080060': { vr: 'CS', Value: ['Ü'] } }))],
])('%s is refused', async (_name, work) => {
  expect(await codeOf(work)).toBe('invalid-dataset')
})

test.each<[string, (long: string) => unknown]>([
  ['Base64 in JSON', (long) => json({ '00420011': { vr: 'OB', InlineBinary: `${long.replaceAll('=', ' ')}!` } })],
  [
    'Base64 in XML',
    (long) =>
      xml(
        `<DicomAttribute tag="00420011" vr="OB"><InlineBinary>${long.replaceAll('=', ' ')}!</InlineBinary></DicomAttribute>`,
      ),
  ],
  ['a name', (long) => json({ '00100010': { vr: 'PN', Value: [{ Alphabetic: `${long}x` }] } })],
])('half a megabyte of what may end %s, and does not, is read in a moment', (_name, work) => {
  const quietly = (): void => {
    try {
      work('='.repeat(2 ** 19))
    } catch (error) {
      expect(error).toMatchObject({ code: 'invalid-dataset' })
    }
  }
  expect(processorMs(quietly)).toBeLessThan(2_000)
})

test('XML is read in the encoding that it declares', async () => {
  const inner = '<DicomAttribute tag="00081030" vr="LO"><Value number="1">Müller</Value></DicomAttribute>'
  const text = `<?xml version="1.0" encoding="ISO-8859-1"?><NativeDicomModel>${inner}</NativeDicomModel>`
  const reader = new NativeModelReader()
  for (const byte of Buffer.from(text, 'latin1')) reader.write(Buffer.of(byte))
  expect((await bytesOf(reader.end())).includes(Buffer.from('Müller'))).toBe(true)
})

test('what a model does not know is skipped with all that stands in it', async () => {
  const model = xml(`<Comment>a<DicomAttribute tag="00100010" vr="LO"/></Comment>
    <DicomAttribute tag="00080018" vr="UI"><Other><Value number="1">9</Value></Other><Value number="1">1.2.3</Value></DicomAttribute>`)
  expect(await bytesOf(model)).toEqual(madeElement('00080018', 'UI', '1.2.3'))
})
