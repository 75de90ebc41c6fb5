import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { parseTag } from '../../src/dicom/attribute-path.ts'
import type { Header } from '../../src/dicom/header.ts'
import { packHeader, unpackHeader } from '../../src/dicom/header-pack.ts'
import { corpusFiles, describeWithCorpus } from '../support/corpus.ts'
import { describeWithPeers } from '../support/peers.ts'
import { type DumpedElement, dump, ownElements } from './dcmdump.ts'
import { contentOf, openFile, scan } from './slices.ts'

const FILES = ['syntax', 'modality', 'vendor-private', 'charset', 'study-tree', 'malformed'].flatMap((folder) =>
  corpusFiles(folder),
)

// dcmdump's names for what we call otherwise.
const OUR_VR: Readonly<Record<string, string>> = { up: 'UL', '??': 'UN' }

describeWithCorpus('headers of the corpus', () => {
  describeWithPeers(['dcmdump'], 'as dcmdump sees them', () => {
    test.each(FILES)('$name', async ({ path }) => {
      const file = readFileSync(path)
      const opened = openFile(file)
      const text = dump(file)
      if (opened === undefined || text === undefined) return
      const result = await scan(opened.dataSet, opened.transferSyntax)
      const header = result.outcome === 'header' ? result.header : result.partial
      const theirs = ownElements(text).filter(({ tag }) => tag < '7fe0')
      const ours = [...header.walk()].filter(({ path: where }) => where.length === 1)
      expect(ours.map(({ tag }) => tag)).toEqual(theirs.map(({ tag }) => parseTag(`(${tag})`)))
      for (const element of theirs) expectSame(header, element)
    })
  })

  test.each(FILES)('do not depend on how they were sliced: $name', async ({ path }) => {
    const opened = openFile(readFileSync(path))
    if (opened === undefined) return
    const dataSet = opened.dataSet.subarray(0, 20_000)
    const whole = await scan(dataSet, opened.transferSyntax, dataSet.length)
    for (const sizes of [[1], [7, 13, 1], [4096]]) {
      const sliced = await scan(dataSet, opened.transferSyntax, ...sizes)
      expect(sliced.outcome).toBe(whole.outcome)
      if (sliced.outcome !== 'header' || whole.outcome !== 'header') continue
      expect(contentOf(sliced.header)).toEqual(contentOf(whole.header))
      expect(contentOf(unpackHeader(packHeader(sliced.header)))).toEqual(contentOf(whole.header))
    }
  })
})

const TEXT = new Set([
  'AE',
  'AS',
  'CS',
  'DA',
  'DS',
  'DT',
  'IS',
  'LO',
  'LT',
  'PN',
  'SH',
  'ST',
  'TM',
  'UC',
  'UI',
  'UR',
  'UT',
])
const NUMBERS = new Set(['US', 'SS', 'UL', 'SL'])

function expectSame(header: Header, element: DumpedElement): void {
  const tag = parseTag(`(${element.tag})`)
  const ours = tag === undefined ? undefined : header.element([{ tag }])
  if (tag === undefined || ours === undefined) throw new Error(`${element.tag} is missing`)
  if (!ours.isSequence && element.length !== undefined)
    expect([element.tag, ours.length]).toEqual([element.tag, element.length])
  // UN of undefined length is a sequence (PS3.5 6.2.2).
  const vr = ours.isSequence ? 'SQ' : ours.vr
  if (header.transferSyntax.explicitVr)
    expect([element.tag, vr]).toEqual([element.tag, OUR_VR[element.vr] ?? element.vr])
  if (element.length === 0 || ours.vr !== element.vr) return
  const trimmed = (text: string): string => text.replace(/[ \0]+$/, '')
  if (TEXT.has(element.vr)) expect(trimmed(ours.value?.toString('latin1') ?? '')).toBe(trimmed(element.text))
  if (NUMBERS.has(element.vr)) expect(header.values([{ tag }])?.join('\\')).toBe(element.text)
}
