import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { type AttributePath, formatTag, tagOf } from '../../src/dicom/attribute-path.ts'
import { editDataSet } from '../../src/dicom/edit.ts'
import type { Header } from '../../src/dicom/header.ts'
import { decide } from '../../src/rules/decide.ts'
import type { PlannedForward } from '../../src/rules/decision.ts'
import { viewOfHeader } from '../../src/rules/header-view.ts'
import { dump, run } from '../dicom/dcmdump.ts'
import { gather, headerOf, openFile, slicesOf } from '../dicom/slices.ts'
import { corpusFiles, describeWithCorpus } from '../support/corpus.ts'
import { describeWithPeers } from '../support/peers.ts'
import { factsOf } from './instance.ts'
import { rulesetOf } from './support.ts'

const ORIGINAL_ATTRIBUTES = tagOf(0x0400, 0x0561)

const FILES = ['charset', 'modality', 'syntax', 'vendor-private'].flatMap((folder) => corpusFiles(folder))
const RULESET = rulesetOf(`
rules:
  - name: plain
    rewrite: [{ set: { PatientID: KURIR-1, InstitutionName: RS Harapan } }, { empty: [AccessionNumber] }, { remove: [StudyDescription] }]
    forward: [a]
  - name: another set
    rewrite: [{ set: { InstitutionName: "病院 Süd" } }, { remove: [private] }]
    forward: [b]
`)

/** The text of every element but those named, by path; private ones are left out where a rule took them. */
function textsOf(header: Header, except: ReadonlySet<string>, withPrivate: boolean): ReadonlyMap<string, string> {
  const texts = new Map<string, string>()
  for (const { path } of header.walk()) {
    const [top] = path
    if (top === undefined || (!withPrivate && ((top.tag >>> 16) & 1) === 1)) continue
    const key = path.map(({ tag, item }) => `${formatTag(tag)}${item ?? ''}`).join('.')
    // Group lengths follow what is written; (0008,0005) is looked at by itself.
    if ((top.tag & 0xffff) === 0 || except.has(formatTag(top.tag)) || key.endsWith('(0008,0005)')) continue
    texts.set(key, header.values(path)?.join('\\') ?? '')
  }
  return texts
}

describeWithCorpus('rewriting files of the corpus', () => {
  test.each(FILES)('changes what the rule says and how the rest reads not at all: $name', async ({ path }) => {
    const opened = openFile(readFileSync(path))
    if (opened === undefined) return
    const before = await headerOf(opened.dataSet, opened.transferSyntax)
    const decision = decide(RULESET, {
      callingAe: 'CT1',
      calledAe: 'KURIR',
      peer: '127.0.0.1',
      door: 'dimse',
      sopClass: before.sopClassUid ?? '',
      sopInstanceUid: before.sopInstanceUid ?? '',
      transferSyntax: opened.transferSyntax.uid,
      header: viewOfHeader(before),
      receivedAt: 1_767_225_600_000,
    })
    expect(decision.holds).toEqual([])
    for (const forward of decision.forwards) {
      const edited = await gather(editDataSet(slicesOf(opened.dataSet, 4_096), opened.transferSyntax, forward.edits))
      expectOnlyThat(forward, before, await headerOf(edited, opened.transferSyntax))
    }
  })
})

const UIDS = rulesetOf(`
rules:
  - name: new identities
    record_original: true
    rewrite: [{ uid: { of: [StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID, FrameOfReferenceUID], key: veil } }]
    forward: [a]
`)
const uidsOf = (header: Header): readonly (readonly [AttributePath, readonly string[]])[] =>
  [...header.walk()]
    .filter(({ tag, vr }) => header.readableVr(tag, vr) === 'UI')
    .map((element) => [element.path, header.read(element) ?? []])

// References in UN of known length; a palette that is an instance of the Standard's own.
const HELD = new Set(['modality/rtdose_rle.dcm', 'modality/hotiron.dcm'])

describeWithCorpus('new UIDs for files of the corpus', () => {
  test.each(FILES)('are the same for the same, and no old identity stays: $name', async ({ name, path }) => {
    const opened = openFile(readFileSync(path))
    if (opened === undefined) return
    const before = await headerOf(opened.dataSet, opened.transferSyntax)
    const decision = decide(UIDS, await factsOf(opened.dataSet, opened.transferSyntax.uid))
    expect(decision.holds.length).toBe(HELD.has(name) ? 1 : 0)
    const [forward] = decision.forwards
    if (forward === undefined) return
    const edited = await gather(editDataSet(slicesOf(opened.dataSet, 4_096), opened.transferSyntax, forward.edits))
    const all = uidsOf(await headerOf(edited, opened.transferSyntax))
    const after = all.filter(([[top]]) => top?.tag !== ORIGINAL_ATTRIBUTES)
    expect(after.map(([at]) => at)).toEqual(uidsOf(before).map(([at]) => at))
    const fresh = new Map<string, string>()
    for (const [i, [, values]] of uidsOf(before).entries()) {
      for (const [k, old] of values.entries()) {
        const now = after[i]?.[1][k] ?? ''
        expect(fresh.get(old) ?? now).toBe(now)
        fresh.set(old, now)
      }
    }
    for (const uid of [before.studyInstanceUid, before.seriesInstanceUid, before.sopInstanceUid]) {
      if (uid !== undefined) expect(after.flatMap(([, values]) => values)).not.toContain(uid)
    }
    if (before.sopInstanceUid !== undefined) expect(forward.sopInstanceUid).toBe(fresh.get(before.sopInstanceUid))
  })
})

describeWithCorpus('what a rewrite made of the corpus', () => {
  describeWithPeers(['dcmdump'], 'is read by dcmdump', () => {
    test('wherever the file itself was, to its end, with its record', async () => {
      const recorded: Buffer[] = []
      for (const { path } of FILES) {
        const file = readFileSync(path)
        const opened = openFile(file)
        if (opened === undefined || dump(file) === undefined) continue
        const decision = decide(UIDS, await factsOf(opened.dataSet, opened.transferSyntax.uid))
        const edits = decision.forwards[0]?.edits ?? []
        if (edits.length === 0) continue
        const edited = await gather(editDataSet(slicesOf(opened.dataSet, 4_096), opened.transferSyntax, edits))
        recorded.push(Buffer.concat([opened.head, edited]))
      }
      expect(recorded.length).toBeGreaterThan(70)
      const folder = mkdtempSync(join(tmpdir(), 'kurir-recorded-'))
      try {
        const paths = recorded.map((bytes, i) => {
          const path = join(folder, `${i}.dcm`)
          writeFileSync(path, bytes)
          return path
        })
        // It ends with an error where it cannot read one of them to its end.
        const text = run('dcmdump', ['-q', '-M', '+P', '0400,0563', ...paths]) ?? ''
        expect(text.match(/\(0400,0563\) LO \[Kurir\]/g)?.length).toBe(recorded.length)
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    }, 60_000)
  })
})

function expectOnlyThat(forward: PlannedForward, before: Header, after: Header): void {
  for (const { tag, after: text } of forward.changes) {
    const element = [...after.walk()].find(
      ({ path }) => path.length === 1 && path.every((step) => formatTag(step.tag) === tag),
    )
    if (text === null) expect(element).toBeUndefined()
    else expect(element === undefined ? undefined : (after.values(element.path)?.join('\\') ?? '')).toBe(text)
  }
  const changed = new Set(forward.changes.map(({ tag }) => tag))
  const keepsPrivate = forward.destination === 'a'
  expect(textsOf(after, changed, keepsPrivate)).toEqual(textsOf(before, changed, keepsPrivate))
}
