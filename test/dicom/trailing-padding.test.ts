import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { fillTrailing } from '../../src/dicom/trailing-padding.ts'
import {
  DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
  EXPLICIT_VR_BIG_ENDIAN,
  EXPLICIT_VR_LITTLE_ENDIAN,
  IMPLICIT_VR_LITTLE_ENDIAN,
} from '../../src/dicom/transfer-syntax.ts'
import { ctInstance } from '../support/data-set.ts'
import { testWithPeers } from '../support/peers.ts'
import { temporaryDir } from '../support/processes.ts'

const filled = (bytes: number, syntax: Parameters<typeof fillTrailing>[1]): string => {
  const end = Buffer.alloc(bytes, 0xaa)
  fillTrailing(end, syntax)
  return end.toString('hex')
}

test.each([
  ['explicit', EXPLICIT_VR_LITTLE_ENDIAN, 'fcfffcff4f42000002000000' + '0000'],
  ['implicit', IMPLICIT_VR_LITTLE_ENDIAN, 'fcfffcff06000000' + '000000000000'],
  ['big endian', EXPLICIT_VR_BIG_ENDIAN, 'fffcfffc4f42000000000002' + '0000'],
  ['deflated', DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, '00'.repeat(14)],
])('%s: the element fills what is there', (_name, syntax, expected) => {
  expect(filled(14, syntax)).toBe(expected)
})

test('where the element has no room there are zeros', () => {
  expect(filled(11, EXPLICIT_VR_LITTLE_ENDIAN)).toBe('00'.repeat(11))
  expect(filled(7, IMPLICIT_VR_LITTLE_ENDIAN)).toBe('00'.repeat(7))
  expect(filled(0, EXPLICIT_VR_LITTLE_ENDIAN)).toBe('')
})

testWithPeers(['dcmdump'], 'dcmtk reads the padding as what it is', async () => {
  await using dir = await temporaryDir('padding')
  const end = Buffer.alloc(100)
  fillTrailing(end, EXPLICIT_VR_LITTLE_ENDIAN)
  const path = join(dir.path, 'padded.dcm')
  writeFileSync(path, Buffer.concat([ctInstance({ sizeBytes: 1024 }).file, end]))
  const { stdout, stderr, status } = spawnSync('dcmdump', ['+E', path], { encoding: 'utf8' })
  expect(stderr).toBe('')
  expect(status).toBe(0)
  expect(stdout).toContain('(fffc,fffc) OB')
})
