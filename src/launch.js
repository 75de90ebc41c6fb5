#!/usr/bin/env node
// Starts everything that package.json's scripts start: installs what the lock file says when that is not installed yet,
// then runs the Node that the project brings. Plain JavaScript without static imports, because any Node from 18 on and
// any npm from 9 on must be able to run it, and because before the first install there is nothing to import.
const { existsSync } = await import('node:fs')
const { spawn } = await import('node:child_process')
const { dirname, join } = await import('node:path')
const { fileURLToPath } = await import('node:url')

const EX_UNAVAILABLE = 69
const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** What the first argument asks for: which script runs, with which arguments, and whether it needs the tools of development. */
const TASKS = {
  '--test': { script: 'test/support/run-tests.js', everything: true, playground: true },
  '--check': { script: 'test/support/run-checks.js', everything: true, playground: false },
  '--bench': { script: 'test/bench/run.ts', everything: true, playground: false },
  '--double-his': { script: 'test/support/his-double-by-hand.ts', everything: true, playground: false },
}

function taskOf(args) {
  const task = TASKS[args[0]]
  if (task !== undefined) return { ...task, args: args.slice(1) }
  return { script: 'src/main.ts', everything: false, playground: args[0] === 'serve', args }
}

/** The Node that the lock file pins, by its path: npm before 11 does not link it into node_modules/.bin. */
function pinnedNode() {
  const path = join(root, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node')
  return existsSync(path) ? path : undefined
}

/**
 * Runs the program in this process's place: its output is ours, the signals that reach us reach it, and we end as it
 * ends, by the same signal when it was one. Killing us kills it, so that no server is left behind without its launcher.
 */
function replaceBy(program, args, env) {
  // util-linux is on every Debian; elsewhere only SIGKILL is not passed on.
  const setpriv = '/usr/bin/setpriv'
  const command = existsSync(setpriv) ? [setpriv, '--pdeathsig', 'KILL', '--', program, ...args] : [program, ...args]
  const child = spawn(command[0], command.slice(1), { cwd: process.cwd(), env, stdio: 'inherit' })
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR2']) {
    // A terminal sends ^C and ^\ to the child as well; twice would look like impatience.
    const fromTerminal = process.stdin.isTTY === true && (signal === 'SIGINT' || signal === 'SIGQUIT')
    process.on(signal, () => fromTerminal || child.kill(signal))
  }
  child.on('error', (error) => fail(`cannot run ${program}: ${error.message}`))
  child.on('exit', (code, signal) => {
    if (signal === null) {
      process.exitCode = code
      return
    }
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

function fail(sentence) {
  process.stderr.write(`kurir: ${sentence}\n`)
  process.exitCode = EX_UNAVAILABLE
}

async function launch() {
  const task = taskOf(process.argv.slice(2))
  const { install } = await import('./launch/install.js')
  const installed = await install(root, task.everything)
  if (installed !== 'ready') return fail(installed)
  const node = pinnedNode()
  if (node === undefined) return fail(`brings no Node for ${process.platform}-${process.arch}`)
  if (task.playground) {
    const { buildPlayground } = await import('./launch/playground.js')
    buildPlayground(root, node)
  }
  const env = { ...process.env, UV_THREADPOOL_SIZE: process.env.UV_THREADPOOL_SIZE || '16' }
  replaceBy(node, [join(root, task.script), ...task.args], env)
}

await launch()
