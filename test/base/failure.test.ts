import { openSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { FAILURE_CODES, hasErrno, KurirError } from '../../src/base/failure.ts'

test('an error carries its code, its retry class and its cause', () => {
  const cause = new Error('socket hang up')
  const error = new KurirError('connection-closed', 'ambiguous', 'the archive hung up', { cause })
  expect(error).toMatchObject({ name: 'KurirError', code: 'connection-closed', retry: 'ambiguous', cause })
  expect(error.message).toBe('the archive hung up')
})

test('the codes are unique, sorted and fit to be a metric label', () => {
  expect([...new Set(FAILURE_CODES)].sort()).toEqual([...FAILURE_CODES])
  for (const code of FAILURE_CODES) expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/)
})

test('an error of the file system is known by its code', () => {
  let caught: unknown
  try {
    openSync('/nonexistent/file', 'r')
  } catch (error) {
    caught = error
  }
  expect(hasErrno(caught, 'ENOENT')).toBe(true)
  expect(hasErrno(caught, 'EACCES', 'ENOENT')).toBe(true)
  expect(hasErrno(caught, 'EACCES')).toBe(false)
})

test.each([undefined, null, 'ENOENT', 2, {}, { code: 2 }])('%p has no such code', (value) => {
  expect(hasErrno(value, 'ENOENT')).toBe(false)
})
