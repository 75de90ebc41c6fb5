import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'
import { silentLog } from '../../src/base/log.ts'

// The logger writes to the process's own stdout, so a process of its own is looked at.
const script = fileURLToPath(new URL('./log-writer.ts', import.meta.url))

function linesOf(level: string, form: 'json' | 'pretty'): string[] {
  const { stdout, stderr, status } = spawnSync(process.execPath, [script, level, form], { encoding: 'utf8' })
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
  return stdout.split('\n').filter((line) => line !== '')
}

test('a line is one JSON object: level, time, event and fields, and nothing of the machine', () => {
  const [line] = linesOf('info', 'json')
  expect(JSON.parse(line ?? '')).toEqual({
    level: 'info',
    time: expect.any(Number),
    event: 'instance-admitted',
    instance: 'i-1',
    bytes: 512,
  })
})

test.each([
  ['debug', ['debug', 'info', 'warn', 'error']],
  ['info', ['info', 'warn', 'error']],
  ['warn', ['warn', 'error']],
  ['error', ['error']],
  ['silent', []],
])('level %s lets these pass: %j', (level, expected) => {
  expect(linesOf(level, 'json').map((line) => JSON.parse(line).level)).toEqual(expected)
})

test('a person reads the same events without JSON', () => {
  const text = linesOf('info', 'pretty').join('\n')
  expect(text).toContain('instance-admitted')
  expect(text).not.toContain('{"')
})

test('the silent log says nothing', () => {
  silentLog.debug('a')
  silentLog.info('a')
  silentLog.warn('a')
  silentLog.error('a')
})
