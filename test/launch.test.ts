// The launcher in a tree of its own: a lock file, an npm that only notes what it is asked, a main that does as it is told.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { testWithPeers } from './support/peers.ts'

const src = fileURLToPath(new URL('../src', import.meta.url))
const OUR_NODE = `node_modules/node-linux-${process.arch}`

// Does as npm ci does: takes everything away, installs, writes its own record.
const NPM = `
import { appendFileSync, cpSync, mkdirSync, rmSync, symlinkSync } from 'node:fs'
const number = Number(process.env.NPM_EXIT ?? 0)
appendFileSync('npm.log', JSON.stringify({ args: process.argv.slice(2), node: process.version }) + '\\n')
await new Promise((resolve) => setTimeout(resolve, Number(process.env.NPM_TAKES ?? 0)))
rmSync('node_modules', { recursive: true, force: true })
if (number === 0) {
  mkdirSync('${OUR_NODE}/bin', { recursive: true })
  symlinkSync(process.env.REAL_NODE, '${OUR_NODE}/bin/node')
}
process.exitCode = number
`

// `wait` says its number and stays until a signal comes; `exit N` ends at once.
const MAIN = `
const [word, argument] = process.argv.slice(2)
if (word === 'exit') process.exitCode = Number(argument)
if (word === 'wait') {
  setInterval(() => {}, 1_000)
  if (argument === 'politely') process.on('SIGTERM', () => process.exit(3)).on('SIGHUP', () => console.log('reloaded'))
}
// Last: whoever reads it may send a signal at once.
console.log(JSON.stringify({ pid: process.pid, args: process.argv.slice(2), threads: process.env.UV_THREADPOOL_SIZE }))
`

let root = ''
const children = new Set<ChildProcess>()

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'kurir-launch-'))
  for (const folder of ['src', 'bin', 'test/support']) mkdirSync(join(root, folder), { recursive: true })
  cpSync(join(src, 'launch.js'), join(root, 'src/launch.js'))
  cpSync(join(src, 'launch'), join(root, 'src/launch'), { recursive: true })
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(root, 'src/main.ts'), MAIN)
  writeFileSync(join(root, 'test/support/run-tests.js'), 'console.log("tests", ...process.argv.slice(2))')
  writeFileSync(join(root, 'bin/npm-cli.js'), NPM)
  lock('1.0.0')
})

afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
  children.clear()
  rmSync(root, { recursive: true, force: true })
})

/** Writes a lock file with one dependency of that version, and one that only development needs. */
function lock(version: string): void {
  const packages = {
    '': {},
    [OUR_NODE]: { version: '24.99.0', optional: true },
    'node_modules/left': { version },
    'node_modules/tool': { version, dev: true },
  }
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages }))
}

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

function start(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): ChildProcess & { readonly ended: Promise<Ended> } {
  const inherited: NodeJS.ProcessEnv = {
    ...process.env,
    REAL_NODE: process.execPath,
    npm_execpath: join(root, 'bin/npm-cli.js'),
  }
  delete inherited['UV_THREADPOOL_SIZE']
  const child = spawn(process.execPath, [join(root, 'src/launch.js'), ...args], { env: { ...inherited, ...env } })
  children.add(child)
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, stdout, stderr }))
  return Object.assign(child, { ended })
}

const launch = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> => start(args, env).ended

/** What npm was asked, one entry a call. */
function npmCalls(): { readonly args: readonly string[]; readonly node: string }[] {
  if (!existsSync(join(root, 'npm.log'))) return []
  const lines = readFileSync(join(root, 'npm.log'), 'utf8').trim().split('\n')
  return lines.map((line) => JSON.parse(line))
}

const everythingWasAsked = (): boolean[] => npmCalls().map(({ args }) => args.includes('--include=dev'))

/** Starts main so that it waits, and resolves with its process number. */
async function startWaiting(manner: string): Promise<{ child: ReturnType<typeof start>; pid: number }> {
  const child = start(['wait', manner])
  for await (const text of child.stdout ?? []) return { child, pid: JSON.parse(text).pid }
  throw new Error('main did not start')
}

describe('what is installed', () => {
  test('the first start installs what the server needs and says so; the second installs nothing', async () => {
    const first = await launch(['settings', '--json'])
    expect(first).toMatchObject({ code: 0, stderr: expect.stringContaining('nothing is installed yet') })
    expect(JSON.parse(first.stdout)).toMatchObject({ args: ['settings', '--json'], threads: '16' })
    expect(npmCalls()[0]?.args).toEqual(expect.arrayContaining(['ci', '--ignore-scripts', '--omit=dev']))
    expect(await launch(['settings'])).toMatchObject({ code: 0, stderr: '' })
    expect(npmCalls()).toHaveLength(1)
  })

  test('another lock file is installed again', async () => {
    await launch([])
    lock('1.0.1')
    expect((await launch([])).stderr).toContain('the lock file has changed')
    expect(npmCalls()).toHaveLength(2)
  })

  test('tests need everything, and everything serves as well', async () => {
    await launch([])
    expect((await launch(['--test', 'a', '-b'])).stdout).toBe('tests a -b\n')
    await launch([])
    expect(everythingWasAsked()).toEqual([false, true])
  })

  test('who has the tools of development keeps them when the lock file changes', async () => {
    await launch(['--test'])
    lock('1.0.1')
    await launch([])
    expect(everythingWasAsked()).toEqual([true, true])
  })

  test('what somebody installed by hand is taken as it is when it agrees with the lock file', async () => {
    await launch(['--test'])
    rmSync(join(root, 'node_modules/.kurir-install.json'))
    cpSync(join(root, 'package-lock.json'), join(root, 'node_modules/.package-lock.json'))
    expect((await launch(['--test'])).stderr).toBe('')
    rmSync(join(root, 'node_modules/.kurir-install.json'))
    lock('1.0.1')
    expect((await launch(['--test'])).stderr).toContain('not known to be what the lock file says')
    expect(npmCalls()).toHaveLength(2)
  })

  test('npm is told the version of the Node that will run what it installs', async () => {
    await launch([])
    expect(npmCalls()[0]?.node).toBe('v24.99.0')
  })

  test('an npm on the PATH is used where no npm runs us', async () => {
    writeFileSync(join(root, 'bin/npm'), `#!/bin/sh\nexec "$REAL_NODE" "${root}/bin/npm-cli.js" "$@"\n`)
    chmodSync(join(root, 'bin/npm'), 0o755)
    const { code } = await launch(['exit', '0'], { npm_execpath: '', PATH: `${root}/bin:/usr/bin:/bin` })
    expect(code).toBe(0)
    expect(npmCalls()).toHaveLength(1)
  })

  test('an install that fails starts nothing, and is tried again', async () => {
    expect(await launch([], { NPM_EXIT: '5' })).toMatchObject({ code: 69, stdout: '' })
    expect((await launch(['exit', '0'])).code).toBe(0)
    expect(npmCalls()).toHaveLength(2)
  })
})

describe('two at once', () => {
  test('the second waits for the install of the first and does not repeat it', async () => {
    const both = await Promise.all([launch([], { NPM_TAKES: '400' }), launch([], { NPM_TAKES: '400' })])
    expect(both.map(({ code }) => code)).toEqual([0, 0])
    expect(npmCalls()).toHaveLength(1)
    expect(existsSync(join(root, '.install.lock'))).toBe(false)
  })

  test('the lock of a process that died stops nobody', async () => {
    writeFileSync(join(root, '.install.lock'), '4194304 1')
    expect((await launch([])).code).toBe(0)
    // The number runs again, as another process that began at another time.
    lock('1.0.1')
    writeFileSync(join(root, '.install.lock'), `${process.pid} 1`)
    expect((await launch([])).code).toBe(0)
    expect(npmCalls()).toHaveLength(2)
  })
})

describe('in its place', () => {
  test('the exit code is passed on', async () => {
    expect((await launch(['exit', '42'])).code).toBe(42)
  })

  test('a size of the thread pool that is set stays', async () => {
    expect(JSON.parse((await launch([], { UV_THREADPOOL_SIZE: '4' })).stdout).threads).toBe('4')
  })

  test('signals reach the server, and its own end is ours', async () => {
    const { child } = await startWaiting('politely')
    child.kill('SIGTERM')
    expect(await child.ended).toMatchObject({ code: 3, signal: null })
  })

  test('a server that a signal ended ends us by the same signal', async () => {
    const { child } = await startWaiting('as it is')
    child.kill('SIGTERM')
    expect(await child.ended).toMatchObject({ code: null, signal: 'SIGTERM' })
    const second = await startWaiting('as it is')
    process.kill(second.pid, 'SIGKILL')
    expect(await second.child.ended).toMatchObject({ signal: 'SIGKILL' })
  })

  test("every script replaces npm's shell by the launcher: a shell in between would keep npm's signals to itself", () => {
    const { scripts } = JSON.parse(readFileSync(join(src, '../package.json'), 'utf8'))
    for (const script of Object.values(scripts)) expect(script).toMatch(/^exec node src\/launch\.js/)
  })

  testWithPeers(['setpriv'], 'a launcher that is killed leaves no server behind', async () => {
    const { child } = await startWaiting('politely')
    child.kill('SIGKILL')
    // The pipe closes when its last holder has ended, and the server holds it.
    expect(await child.ended).toMatchObject({ signal: 'SIGKILL' })
  })
})
