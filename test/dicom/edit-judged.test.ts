import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateRawSync } from 'node:zlib'
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { editDataSet } from '../../src/dicom/edit.ts'
import { encodePart10Head } from '../../src/dicom/file-meta.ts'
import type { ResolvedEdit } from '../../src/dicom/resolved-edit.ts'
import {
  DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
  EXPLICIT_VR_BIG_ENDIAN,
  EXPLICIT_VR_LITTLE_ENDIAN,
  IMPLICIT_VR_LITTLE_ENDIAN,
  type TransferSyntax,
} from '../../src/dicom/transfer-syntax.ts'
import { parseUid, type SopClassUid, type SopInstanceUid } from '../../src/dicom/uid.ts'
import { describeWithPeers } from '../support/peers.ts'
import { run } from './dcmdump.ts'
import { editsOf, encode, legibleDataSet, type MadeElement, WORDS } from './random-data-set.ts'
import { gather, slicesOf } from './slices.ts'

const SYNTAXES = [
  IMPLICIT_VR_LITTLE_ENDIAN,
  EXPLICIT_VR_LITTLE_ENDIAN,
  EXPLICIT_VR_BIG_ENDIAN,
  DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
]
// One process dumps them all.
const TOGETHER = 40
const edited = legibleDataSet.chain((elements) => fc.tuple(fc.constant(elements), editsOf(elements, WORDS)))

function fileOf(dataSet: Buffer, { uid, deflated }: TransferSyntax): Buffer {
  const sopClassUid = parseUid<SopClassUid>('1.2.840.10008.5.1.4.1.1.7')
  const sopInstanceUid = parseUid<SopInstanceUid>('1.2.3')
  if (sopClassUid === undefined || sopInstanceUid === undefined) throw new Error('UIDs')
  const head = encodePart10Head({ sopClassUid, sopInstanceUid, transferSyntaxUid: uid })
  return Buffer.concat([head, deflated ? deflateRawSync(dataSet) : dataSet])
}

/** What dcmdump sees in each file: by the tags and items on the way, how each element reads. */
function dumpAll(files: readonly Buffer[]): readonly ReadonlyMap<string, string>[] {
  const folder = mkdtempSync(join(tmpdir(), 'kurir-judged-'))
  try {
    const paths = files.map((file, i) => {
      const path = join(folder, `${i}.dcm`)
      writeFileSync(path, file)
      return path
    })
    const text = run('dcmdump', ['-q', '+F', '+L', '-M', '-Un', '+uc', ...paths])
    if (text === undefined) throw new Error('dcmdump refuses one')
    return text
      .split(/^# dcmdump \(\d+\/\d+\).*$/m)
      .slice(1)
      .map(parseDump)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function parseDump(text: string): ReadonlyMap<string, string> {
  const elements = new Map<string, string>()
  const around: { key: string; item: number }[] = []
  for (const line of text.split('\n')) {
    const match = /^( *)\(([0-9a-f]{4}),([0-9a-f]{4})\) (\S\S) (.*?) *# .*$/.exec(line)
    if (match === null) continue
    const [, indent = '', group = '', element = '', vr = '', value = ''] = match
    const depth = indent.length / 2
    const level = Math.floor(depth / 2)
    const sequence = around[level - 1]
    if (group === 'fffe') {
      const within = around[Math.floor((depth - 1) / 2)]
      if (element === 'e000' && within !== undefined) within.item++
      continue
    }
    if (group === '0002') continue
    around.length = level
    const key = `${level === 0 || sequence === undefined ? '' : `${sequence.key}[${sequence.item}].`}${group}${element}`
    const isSequence = /^\(Sequence/.test(value)
    elements.set(key, isSequence ? 'a sequence' : `${vr} ${value}`)
    around[level] = { key, item: -1 }
  }
  return elements
}

const keyOf = (path: ResolvedEdit['path'], steps = path.length): string =>
  path
    .slice(0, steps)
    .map(({ tag, item }, i) => tag.toString(16).padStart(8, '0') + (i < steps - 1 ? `[${item}]` : ''))
    .join('.')

/** The elements that an edit may touch: its own with all in it, group lengths on the way, and sequences that it may have made. */
function isTouched(key: string, edits: readonly ResolvedEdit[]): boolean {
  return edits.some(({ path }) =>
    path.some((_step, i) => {
      const here = keyOf(path, i + 1)
      const length = `${here.slice(0, -4)}0000`
      return key === here || key === length || (i === path.length - 1 && key.startsWith(`${here}[`))
    }),
  )
}

async function judge(
  all: readonly (readonly [readonly MadeElement[], readonly ResolvedEdit[]])[],
  syntax: TransferSyntax,
) {
  const plain = all.map(([elements]) => encode(elements, syntax))
  const outcomes = await Promise.all(
    all.map(([, edits], i) => {
      const dataSet = plain[i] ?? Buffer.alloc(0)
      return gather(editDataSet(slicesOf(syntax.deflated ? deflateRawSync(dataSet) : dataSet, 57), syntax, edits))
    }),
  )
  const before = dumpAll(plain.map((dataSet) => fileOf(dataSet, syntax)))
  const after = dumpAll(
    outcomes.map((bytes) => Buffer.concat([fileOf(Buffer.alloc(0), { ...syntax, deflated: false }), bytes])),
  )
  expect([before.length, after.length]).toEqual([all.length, all.length])
  for (const [i, [, edits]] of all.entries()) {
    const [was, is] = [before[i] ?? new Map(), after[i] ?? new Map()]
    const others = (elements: ReadonlyMap<string, string>) => [...elements].filter(([key]) => !isTouched(key, edits))
    expect(others(is)).toEqual(others(was))
    for (const edit of edits) {
      const read = is.get(keyOf(edit.path))
      if (edit.verb === 'remove') expect(read).toBeUndefined()
      else expect(read).toBe(edit.vr === 'SH' ? `SH ${sayText(edit.value)}` : (read ?? 'missing'))
    }
  }
}

const sayText = (value: Uint8Array): string => (value.length === 0 ? '(no value available)' : `[${Buffer.from(value)}]`)

describeWithPeers(['dcmdump'], 'as dcmdump sees it, any data set', () => {
  test.each(SYNTAXES)('in $keyword is changed in what is edited and in nothing else', async (syntax) => {
    const many = fc.array(
      edited.filter(([elements]) => encode(elements, syntax).length > 0),
      { minLength: TOGETHER, maxLength: TOGETHER },
    )
    await fc.assert(
      fc.asyncProperty(many, (all) => judge(all, syntax)),
      { numRuns: 2, endOnFailure: true },
    )
  })
})
