import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { tagOf } from '../../src/dicom/attribute-path.ts'
import { editDataSet } from '../../src/dicom/edit.ts'
import { encodePart10Head, findFileMeta } from '../../src/dicom/file-meta.ts'
import type { Header } from '../../src/dicom/header.ts'
import { canReencode, reencodeDataSet } from '../../src/dicom/reencode.ts'
import type { ResolvedEdit } from '../../src/dicom/resolved-edit.ts'
import {
  EXPLICIT_VR_LITTLE_ENDIAN,
  IMPLICIT_VR_LITTLE_ENDIAN,
  type TransferSyntax,
} from '../../src/dicom/transfer-syntax.ts'
import { parseUid, type SopClassUid, type SopInstanceUid } from '../../src/dicom/uid.ts'
import { corpusFiles, describeWithCorpus } from '../support/corpus.ts'
import { describeWithPeers } from '../support/peers.ts'
import { dump, ownElements, run, withFile } from './dcmdump.ts'
import { gather, headerOf, openFile, slicesOf } from './slices.ts'

const FILES = ['syntax', 'modality', 'vendor-private', 'charset', 'malformed'].flatMap((folder) => corpusFiles(folder))
const CUT = new Set(['malformed/rtplan_truncated.dcm'])

const EDITS: readonly ResolvedEdit[] = [
  { verb: 'set', path: [{ tag: tagOf(0x0010, 0x0020) }], vr: 'LO', value: Buffer.from('NEW-ID') },
  { verb: 'set', path: [{ tag: tagOf(0x0018, 0x1030) }], vr: 'LO', value: Buffer.from('A protocol of ours') },
  { verb: 'remove', path: [{ tag: tagOf(0x0008, 0x0070) }] },
]

describeWithCorpus('the corpus', () => {
  test.each(FILES)('without edits passes bit for bit: $name', async ({ path }) => {
    const opened = openFile(readFileSync(path))
    if (opened === undefined) return
    const { dataSet, transferSyntax } = opened
    expect(await gather(editDataSet(slicesOf(dataSet, 4_096, 333), transferSyntax, []))).toEqual(dataSet)
  })

  describeWithPeers(['dcmdump'], 'edited, as dcmdump sees it', () => {
    test.each(FILES)('$name changes in what is edited alone', async ({ name, path }) => {
      const file = readFileSync(path)
      const opened = openFile(file)
      const before = dump(file)
      if (opened === undefined || before === undefined || CUT.has(name)) return
      const { head, dataSet, transferSyntax } = opened
      const edited = await gather(editDataSet(slicesOf(dataSet, 4_096, 333), transferSyntax, EDITS))
      const after = dump(Buffer.concat([head, edited])) ?? ''
      const named = /^\((0010,0020|0018,1030|0008,0070|(0008|0010|0018),0000|0008,0001)\)/
      const others = (text: string): readonly string[] =>
        text.split('\n').filter((line) => !named.test(line) && !line.startsWith('#'))
      expect(others(after)).toEqual(others(before))
      const own = new Map(ownElements(after).map(({ tag, text }) => [tag, text]))
      expect([own.get('0010,0020'), own.get('0018,1030'), own.has('0008,0070')]).toEqual([
        'NEW-ID',
        'A protocol of ours',
        false,
      ])
      if (!transferSyntax.deflated) expectSameTail(dataSet, edited)
    })
  })

  describeWithPeers(['dcmdump', 'dcmconv'], 're-encoded, as dcmconv does it', () => {
    for (const [target, option] of [
      [IMPLICIT_VR_LITTLE_ENDIAN, '+ti'],
      [EXPLICIT_VR_LITTLE_ENDIAN, '+te'],
    ] as const) {
      const native = FILES.filter(({ path }) => isReencodable(readFileSync(path), target))
      test.each(native)(`$name to ${target.keyword}`, async ({ path }) => {
        const file = readFileSync(path)
        const opened = openFile(file)
        const theirs = converted(file, option)
        if (opened === undefined || theirs === undefined || dump(file) === undefined) return
        const stream = reencodeDataSet(slicesOf(opened.dataSet, 4_096, 333), opened.transferSyntax, target)
        if (stream === undefined) throw new Error('it is possible')
        const ours = await gather(stream)
        const [own, other] = [ours, openFile(theirs)?.dataSet ?? ours].map((bytes) => headerOf(bytes, target))
        expect(bytesOf(await own)).toEqual(bytesOf(await other))
        expectSameElements(dump(Buffer.concat([headFor(target), ours])) ?? '', dump(theirs) ?? '')
        if (!opened.transferSyntax.deflated) {
          expect(pixelsOf(ours, target)?.equals(pixelsOf(opened.dataSet, opened.transferSyntax) ?? ours)).not.toBe(
            false,
          )
        }
      })
    }
  })
})

/** From the header on nothing differs: the last bytes, in which the pixel data stands, are the same. */
function expectSameTail(before: Buffer, after: Buffer): void {
  const pixels = before.indexOf(Buffer.from('e07f1000', 'hex'))
  if (pixels < 0) return
  const tail = Math.floor((before.length - pixels - 12) / 2)
  expect(after.subarray(after.length - tail).equals(before.subarray(before.length - tail))).toBe(true)
}

function pixelsOf(dataSet: Buffer, { explicitVr }: TransferSyntax): Buffer | undefined {
  const at = dataSet.lastIndexOf(Buffer.from('e07f1000', 'hex'))
  if (at < 0) return undefined
  const start = at + (explicitVr ? 12 : 8)
  return dataSet.subarray(start, start + dataSet.readUInt32LE(start - 4))
}

const bytesOf = (header: Header | undefined): unknown =>
  [...(header?.walk() ?? [])].map(({ path, value, itemCount }) => [
    path,
    value?.toString('hex').replace(/(20|00)+$/, ''),
    itemCount,
  ])

function isReencodable(file: Buffer, target: TransferSyntax): boolean {
  const found = findFileMeta(file, true)
  const opened = openFile(file)
  if (found.outcome !== 'found' || opened === undefined || found.meta.transferSyntaxUid === undefined) return false
  return opened.transferSyntax.uid !== target.uid && canReencode(opened.transferSyntax, target)
}

function converted(file: Buffer, option: string): Buffer | undefined {
  return withFile(file, (path, folder) =>
    run('dcmconv', ['-q', option, '-e', '-g', path, `${folder}/out.dcm`]) === undefined
      ? undefined
      : readFileSync(`${folder}/out.dcm`),
  )
}

function headFor({ uid }: TransferSyntax): Buffer {
  const sopClassUid = parseUid<SopClassUid>('1.2.840.10008.5.1.4.1.1.7')
  const sopInstanceUid = parseUid<SopInstanceUid>('1.2.3')
  if (sopClassUid === undefined || sopInstanceUid === undefined) throw new Error('UIDs')
  return encodePart10Head({ sopClassUid, sopInstanceUid, transferSyntaxUid: uid })
}

/**
 * Every line at every depth but group lengths, whatever the lengths of sequences. Private elements are compared by
 * their bytes: dcmtk knows VRs of some of them that the Standard does not.
 */
function expectSameElements(ours: string, theirs: string): void {
  const lines = (text: string): readonly string[] =>
    text
      .split('\n')
      .filter((line) => /^ *\(/.test(line) && !/^ *\((0002|fffe|....,0000|...[13579bdf],)/.test(line))
      .map((line) => line.replace(/ *#.*$/, '').replace(/\((Sequence|Item).*\)$/, '$1'))
  expect(lines(ours)).toEqual(lines(theirs))
}
