import { expect, test } from '@jest/globals'
import type { InstanceId } from '../../src/ledger/ids.ts'
import { encodeCommitRecord, PREAMBLE_BYTES, readCommitRecord } from '../../src/spool/commit-record.ts'

const record = {
  id: '0199c3e2-7a10-7001-8abc-0123456789ab' as InstanceId,
  dataSetAt: 618,
  length: 5_000_000_000,
  sha256: 'ab'.repeat(32),
}

test('a record fills the preamble and reads back as it was, beyond 4 GB too', () => {
  const bytes = encodeCommitRecord(record)
  expect(bytes.length).toBe(PREAMBLE_BYTES)
  expect(readCommitRecord(bytes)).toEqual(record)
})

test('a record with any bit changed is none', () => {
  const bytes = encodeCommitRecord(record)
  for (let at = 0; at < 88; at += 1) {
    const torn = Buffer.from(bytes)
    torn[at] = (torn[at] ?? 0) ^ 0x10
    expect(readCommitRecord(torn)).toBeUndefined()
  }
})

test('zeros, a foreign preamble and too few bytes are no record', () => {
  expect(readCommitRecord(Buffer.alloc(PREAMBLE_BYTES))).toBeUndefined()
  expect(readCommitRecord(Buffer.from('II*\0'.padEnd(PREAMBLE_BYTES, 'x')))).toBeUndefined()
  expect(readCommitRecord(encodeCommitRecord(record).subarray(0, 60))).toBeUndefined()
})
