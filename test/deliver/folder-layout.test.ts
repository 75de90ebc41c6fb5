import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { fillLayout, safeName } from '../../src/deliver/folder-layout.ts'
import { HeaderCollector } from '../../src/dicom/scan.ts'
import { transferSyntaxOf } from '../../src/dicom/transfer-syntax.ts'
import { ctInstance } from '../support/data-set.ts'
import { processorMs } from '../support/processor-time.ts'

async function headerOf(patientId: string) {
  const made = ctInstance({ sizeBytes: 1_024, patientId, studyInstanceUid: '2.25.77' })
  const collector = new HeaderCollector(transferSyntaxOf(made.transferSyntaxUid))
  collector.push(made.dataSet)
  const scanned = await collector.finish()
  if (scanned.outcome !== 'header') throw new Error(scanned.reason)
  return scanned.header
}

test('a layout is filled from what leaves', async () => {
  const steps = fillLayout('{StudyInstanceUID}/{PatientID}_{SOPInstanceUID}.dcm', await headerOf('P 1'), '2.25.9')
  expect(steps).toEqual(['2.25.77', 'P 1_2.25.9.dcm'])
})

test.each(['..', '.', '../../etc', 'a/../b', '/etc/passwd', 'C:\\x', 'a\u0000b', 'a\nb', '', ' ', '...', 'x\u202Ey'])(
  'the patient ID %j makes one step that stays where it is',
  async (patientId) => {
    const [step = ''] = fillLayout('{PatientID}', await headerOf(patientId), '2.25.9')
    expect(step).not.toMatch(/[/\\\p{Cc}\p{Cf}]/u)
    expect(['', '.', '..']).not.toContain(step)
  },
)

test('no value makes a separator, a control character, an empty step or a name too long', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (value) => {
      const name = safeName(value)
      expect(name).not.toMatch(/[/\\:*?"<>|\p{Cc}]/u)
      expect(name).not.toMatch(/^[. ]|[. ]$/)
      expect(name.length).toBeGreaterThan(0)
      expect(Buffer.byteLength(name)).toBeLessThanOrEqual(96)
    }),
  )
})

test('a name of several long values is cut, and keeps its ending', async () => {
  const [name = ''] = fillLayout('{PatientID}{PatientID}{PatientID}.dcm', await headerOf('\u00e9'.repeat(64)), '2.25.9')
  expect(Buffer.byteLength(name)).toBeLessThanOrEqual(240)
  expect(name).toMatch(/-[0-9a-f]{12}\.dcm$/)
})

test('dots and spaces at both ends are replaced, and a row of them in the middle costs nothing', () => {
  expect(safeName(' . a. b .. ')).toBe('___a. b____')
  expect(processorMs(() => safeName(`x${' .'.repeat(100_000)}x`))).toBeLessThan(1_000)
})

test('values that were cut are told apart', () => {
  expect(safeName('x'.repeat(90))).not.toBe(safeName('x'.repeat(91)))
})
