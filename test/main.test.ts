import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))

test('an older Node is told which one is needed, before anything is loaded that would crash it', () => {
  const pretend = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '24.11.1' } })`
  const preload = `data:text/javascript,${encodeURIComponent(pretend)}`
  const { status, stderr } = spawnSync(process.execPath, ['--import', preload, main, 'settings'], { encoding: 'utf8' })
  expect({ status, stderr }).toEqual({
    status: 78,
    stderr: 'kurir: needs Node 24.12 or newer and this is 24.11.1. "npm start" brings its own.\n',
  })
})

test('an exit code of a command is the exit code of the process', () => {
  const { status, stderr } = spawnSync(process.execPath, [main, 'nonsense'], { encoding: 'utf8' })
  expect(status).toBe(2)
  expect(stderr).toContain('there is no such command')
})
