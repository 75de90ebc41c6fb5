import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { run, withFile } from '../dicom/dcmdump.ts'
import { openFile } from '../dicom/slices.ts'
import { corpusFiles, describeWithCorpus } from '../support/corpus.ts'
import { describeWithPeers } from '../support/peers.ts'
import { rewritten } from './instance.ts'

const FILES = corpusFiles('charset')

/** Every element as dcmdump reads it, lengths and delimiters left out; undefined where it refuses the file. */
function dumped(file: Buffer, inUtf8: boolean): readonly string[] {
  const options = ['-q', ...(inUtf8 ? ['+U8'] : []), '+L', '-Un']
  const text = withFile(file, (path) => run('dcmdump', [...options, path]))
  if (text === undefined) throw new Error('dcmdump refuses it')
  const lines = Buffer.from(text, 'latin1')
    .toString(inUtf8 ? 'utf8' : 'latin1')
    .split('\n')
  return lines
    .filter((line) => /^ *\(/.test(line) && !/^ *\((0002|fffe)/.test(line) && !/^ *\(....,0000\)/.test(line))
    .map((line) => line.replace(/ +# .*$/, '').replace(/\((Sequence|Item).*\)$/, '$1'))
}

const without = (lines: readonly string[], ...tags: readonly string[]): readonly string[] =>
  lines.filter((line) => !tags.some((tag) => line.trim().startsWith(`(${tag})`)))

const textAt = (lines: readonly string[], tag: string): string | undefined =>
  lines.find((line) => line.trim().startsWith(`(${tag})`))?.replace(/^.*?(\[.*?\]|\(no value.*)? *$/, '$1')

async function edited(path: string, verbs: string): Promise<{ after: Buffer; keywords: readonly (string | null)[] }> {
  const opened = openFile(readFileSync(path))
  if (opened === undefined) throw new Error('not DICOM')
  const {
    decision,
    forward,
    bytes = Buffer.alloc(0),
  } = await rewritten(verbs, opened.dataSet, opened.transferSyntax.uid)
  expect(decision.holds).toEqual([])
  const keywords = forward?.changes.map(({ keyword }) => keyword) ?? []
  return { after: Buffer.concat([opened.head, bytes]), keywords }
}

// Sets that dcmtk's conversion does not know: how the name reads.
const UNKNOWN_TO_DCMTK: Readonly<Record<string, string>> = {
  'charset/chrH31.dcm': 'Yamada^Tarou=山田^太郎=やまだ^たろう',
  'charset/chrSQEncoding.dcm': 'ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう',
}
// Writers return to the first set by either escape, or by none at the end of high bytes.
const bare = (text: string | undefined): string | undefined => text?.replaceAll('\x1b(B', '').replaceAll('\x1b(J', '')
const within = (name: string): string => (name.includes('SQ') ? 'RequestedProcedureCodeSequence.' : '')

describeWithCorpus('text in every character set of the corpus', () => {
  describeWithPeers(['dcmdump'], 'as dcmdump reads it', () => {
    test.each(FILES)(
      'is written in the set of the file, byte for byte as its sender did: $name',
      async ({ name, path }) => {
        const verbs = `{ copy: { from: ${within(name)}PatientName, to: ${within(name)}OtherPatientNames } }`
        const { after, keywords } = await edited(path, verbs)
        expect(keywords).toEqual(['OtherPatientNames'])
        const [before, now] = [dumped(readFileSync(path), false), dumped(after, false)]
        expect(bare(textAt(now, '0010,1001'))).toBe(bare(textAt(before, '0010,0010')))
        expect(textAt(now, '0010,1001')).toMatch(/^\[.+\]$/)
        expect(without(now, '0010,1001')).toEqual(without(before, '0010,1001'))
      },
    )

    test.each(FILES)(
      'is carried over to ISO_IR 192 where that does not hold it, all of it: $name',
      async ({ name, path }) => {
        const { after } = await edited(path, `{ set: { ${within(name)}InstitutionName: "홍 Süd Жก" } }`)
        const now = dumped(after, true)
        expect(textAt(now, '0008,0080')).toBe('[홍 Süd Жก]')
        for (const line of now) if (/\(0008,0005\)/.test(line)) expect(line).toMatch(/\[ISO_IR 192\]/)
        const known = UNKNOWN_TO_DCMTK[name]
        const before = dumped(readFileSync(path), known === undefined)
        if (known !== undefined) expect(textAt(now, '0010,0010')).toBe(`[${known}]`)
        const others = (lines: readonly string[]) =>
          without(lines, '0008,0005', '0008,0080', ...(known === undefined ? [] : ['0010,0010']))
        expect(others(now)).toEqual(others(before))
      },
    )
  })
})
