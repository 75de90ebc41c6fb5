import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { ASCII, characterSetOf, decodeText, UTF_8 } from '../../src/dicom/character-set.ts'
import { encodeText } from '../../src/dicom/text-encoder.ts'
import { corpusFiles, describeWithCorpus } from '../support/corpus.ts'
import { headerOf, openFile } from './slices.ts'

const decode = (bytes: string, ...terms: readonly string[]): string =>
  decodeText(Buffer.from(bytes, 'latin1'), characterSetOf(terms), '\\^=')

describe('text is decoded as its character set says', () => {
  test.each([
    ['ISO_IR 100', 'Buc^J\xe9r\xf4me', 'Buc^Jérôme'],
    ['ISO_IR 101', 'Wa\xb3\xeasa', 'Wałęsa'],
    ['ISO_IR 144', '\xbb\xee\xda\x63\xd5\xdc\xd1\xe3\xe0\xd3', 'Люкcембург'],
    ['ISO_IR 127', '\xe2\xc8\xc7\xe6\xea', 'قباني'],
    ['ISO_IR 126', '\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2', 'Διονυσιος'],
    ['ISO_IR 138', '\xf9\xf8\xe5\xef', 'שרון'],
    ['ISO_IR 148', '\xc7a\xf0lar', 'Çağlar'],
    ['ISO_IR 166', '\xca\xc1\xaa\xd2\xc2', 'สมชาย'],
    ['ISO_IR 203', '\xa4', '€'],
    ['ISO_IR 13', '\xd4\xcf\xc0\xde^\xc0\xdb\xb3', 'ﾔﾏﾀﾞ^ﾀﾛｳ'],
    ['ISO_IR 192', '\xe5\xb1\xb1', '山'],
    ['GB18030', '\xcd\xf5', '王'],
    ['GBK', '\xcd\xf5', '王'],
    ['ISO-8859-1', '\xe9', 'é'],
    ['UTF-8', '\xc3\xa9', 'é'],
  ])('%s', (term, bytes, text) => {
    expect(decode(bytes, term)).toBe(text)
  })

  test('with ISO 2022 escapes of Japanese, in one and in two byte sets', () => {
    const name = 'Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B'
    expect(decode(name, '', 'ISO 2022 IR 87')).toBe('Yamada^Tarou=山田^太郎=やまだ^たろう')
    const mixed = '\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J'
    expect(decode(mixed, 'ISO 2022 IR 13', 'ISO 2022 IR 87')).toBe('ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎')
    expect(decode('\x1b$(D"/\x1b(B', '', 'ISO 2022 IR 159')).toBe('˘')
  })

  test('with escapes of Korean and Chinese, which a component ends', () => {
    const korean = 'Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf'
    expect(decode(korean, '', 'ISO 2022 IR 149')).toBe('Hong^Gildong=洪^吉洞=홍^길동')
    expect(decode('\x1b$)C\xfb\xf3^\xd1\xce', '', 'ISO 2022 IR 149')).toBe('洪^\ufffd\ufffd')
    expect(decode('Zhang=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1', '', 'ISO 2022 IR 58')).toBe('Zhang=张^小')
  })

  test('with escapes between single-byte sets, until the end of the value', () => {
    expect(decode('\xe9\x1b-F\xc4\\\xe9', 'ISO 2022 IR 100', 'ISO 2022 IR 126')).toBe('éΔ\\é')
  })

  test('and where none is declared, as UTF-8 if it is that, else as Latin-1', () => {
    expect(decode('\xc3\xa9')).toBe('é')
    expect(decode('\xe9')).toBe('é')
    expect(characterSetOf(['ISO_IR 6']).kind).toBe('ascii')
    expect(characterSetOf(['NONSENSE'])).toMatchObject({ label: 'latin1', unknownTerm: 'NONSENSE' })
  })

  test('and never throws, whatever follows an ESC', () => {
    for (const bytes of ['\x1b', '\x1b$', '\x1b$(', '\x1b$B0', '\x1bZ\xff', '\x1b$)C\xff']) {
      expect(typeof decode(bytes, '', 'ISO 2022 IR 87', 'ISO 2022 IR 149')).toBe('string')
    }
  })
})

const PN = '\\^='
const encode = (text: string, delimiters: string, ...terms: readonly string[]): string | undefined =>
  encodeText(text, characterSetOf(terms), delimiters)?.toString('latin1')

describe('text is encoded', () => {
  test('in the set that the data set has, where that can hold it', () => {
    expect(encode('Jérôme', '\\', 'ISO_IR 100')).toBe('J\xe9r\xf4me')
    expect(encode('قباني', '\\', 'ISO_IR 127')).toBe('\xe2\xc8\xc7\xe6\xea')
    expect(encodeText('山', UTF_8, '\\')).toEqual(Buffer.from('山'))
    expect(encode('Plain', '\\', '', 'ISO 2022 IR 87')).toBe('Plain')
    expect(encode('王', '\\', 'GB18030')).toBe('\xcd\xf5')
  })

  test('or not at all', () => {
    expect(encode('山', '\\', 'ISO_IR 100')).toBeUndefined()
    expect(encodeText('é', ASCII, '\\')).toBeUndefined()
    expect(encode('홍', '\\', '', 'ISO 2022 IR 87')).toBeUndefined()
    expect(encode('é', '\\', 'NONSENSE')).toBeUndefined()
    expect(encodeText('A\x1b', UTF_8, '\\')?.toString()).toBe('A\x1b')
    expect(encode('A\x1b', '\\', 'ISO_IR 100')).toBeUndefined()
  })

  test('with the escapes of ISO 2022, back to the first set before each delimiter and at the end', () => {
    expect(encode('Yamada^Tarou=山田^太郎=やまだ^たろう', PN, '', 'ISO 2022 IR 87')).toBe(
      'Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B',
    )
    expect(encode('ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎', PN, 'ISO 2022 IR 13', 'ISO 2022 IR 87')).toBe(
      '\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J',
    )
    expect(encode('Hong^Gildong=洪^吉洞=홍^길동', PN, '', 'ISO 2022 IR 149')).toBe(
      'Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf',
    )
    expect(encode('Zhang=张^小', PN, '', 'ISO 2022 IR 58')).toBe('Zhang=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1')
    expect(encode('éΔé\\é', '\\', 'ISO 2022 IR 100', 'ISO 2022 IR 126')).toBe('\xe9\x1b-F\xc4\x1b-A\xe9\\\xe9')
    expect(encode('山b\n山', '', '', 'ISO 2022 IR 87')).toBe('\x1b$B;3\x1b(Bb\n\x1b$B;3\x1b(B')
  })

  test('where the backslash and the tilde are other characters, as what they are', () => {
    expect(decodeText(Buffer.from('a\\b~'), characterSetOf(['ISO_IR 13']), '\\')).toBe('a\\b‾')
    expect(decodeText(Buffer.from('a\\b~'), characterSetOf(['ISO_IR 13']), '')).toBe('a¥b‾')
    expect(encode('a~', '\\', 'ISO_IR 13')).toBeUndefined()
    expect(encode('a\\b', '', 'ISO_IR 13')).toBeUndefined()
    expect(encode('a\\b', '\\', 'ISO_IR 13')).toBe('a\\b')
    expect(encode('¥‾', '', 'ISO_IR 13')).toBe('\\~')
    expect(encode('¥', '\\', 'ISO_IR 13')).toBeUndefined()
    expect(encode('~', '\\', 'ISO 2022 IR 13', 'ISO 2022 IR 87')).toBeUndefined()
  })

  test('without characters whose second byte looks like a delimiter', () => {
    expect(decodeText(Buffer.from('\x81\x5c', 'latin1'), characterSetOf(['GBK']), '\\')).toBe('乗')
    expect(encode('乗', '\\', 'GBK')).toBeUndefined()
  })

  test.each([
    ['ISO_IR 100'], ['ISO_IR 13'], ['ISO_IR 166'], ['GB18030'], ['ISO_IR 192'], ['', 'ISO 2022 IR 87', 'ISO 2022 IR 159'],
    ['ISO 2022 IR 13', 'ISO 2022 IR 87'], ['', 'ISO 2022 IR 149'], ['', 'ISO 2022 IR 58'], ['ISO 2022 IR 100', 'ISO 2022 IR 144'],
  ])('and reads back as what it was, or is not encoded: %s %s', (...terms: readonly (string | undefined)[]) => {
    const set = characterSetOf(terms.filter((term) => typeof term === 'string'))
    const character = fc.constantFrom(...'aZ ^=\\~¥‾éÜжЖ山田太郎ﾔﾏあ洪홍길张小王ส€Δ\n')
    fc.assert(
      fc.property(fc.array(character, { maxLength: 12 }), fc.constantFrom('', '\\', PN), (characters, delimiters) => {
        const text = characters.join('')
        const bytes = encodeText(text, set, delimiters)
        if (bytes !== undefined) expect(decodeText(bytes, set, delimiters)).toBe(text)
      }),
      { numRuns: 300 },
    )
  }) // biome-ignore format: a table
})

describeWithCorpus('names of the corpus', () => {
  const NAMES: Readonly<Record<string, string>> = {
    'charset/chrArab.dcm': 'قباني^لنزار',
    'charset/chrFren.dcm': 'Buc^Jérôme',
    'charset/chrH31.dcm': 'Yamada^Tarou=山田^太郎=やまだ^たろう',
    'charset/chrI2.dcm': 'Hong^Gildong=洪^吉洞=홍^길동',
    'charset/chrKoreanMulti.dcm': '김희중',
    'charset/chrX1.dcm': 'Wang^XiaoDong=王^小東=',
  }
  test.each(corpusFiles('charset').filter(({ name }) => name in NAMES))('$name', async ({ name, path }) => {
    const opened = openFile(readFileSync(path))
    if (opened === undefined) throw new Error('not DICOM')
    expect((await headerOf(opened.dataSet, opened.transferSyntax)).patientName).toBe(NAMES[name])
  })
})
