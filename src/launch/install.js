// Runs `npm ci` when what is installed is not what the lock file says. Plain JavaScript for any Node from 18 on.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withLock } from './lock.js'

/**
 * Sees to it that the dependencies are installed. Two at once are safe: the second waits and then finds it done.
 *
 * @param {string} root the folder of package.json
 * @param {boolean} everything with the tools of development, or only what the server needs
 * @returns {Promise<string>} `ready`, or the sentence that says why not
 */
export async function install(root, everything) {
  const lockFile = join(root, 'package-lock.json')
  // A package that npm unpacked below another project has no lock file, and its dependencies stand already.
  if (!existsSync(lockFile) || reasonToInstall(root, everything) === undefined) return 'ready'
  return withLock(join(root, '.install.lock'), say, () => {
    const reason = reasonToInstall(root, everything)
    return reason === undefined ? 'ready' : installNow(root, everything, reason)
  })
}

function installNow(root, everything, reason) {
  const npm = npmCommand()
  if (npm === undefined) return 'needs npm for the first start; on Debian: apt-get install npm'
  // Who has the tools of development keeps them, whatever was asked for now.
  const all = everything || readStamp(root)?.everything === true
  say(`${reason}: installing ${all ? 'everything, tools of development included' : 'what the server needs'} (npm ci)`)
  rmSync(stampPath(root), { force: true })
  // No dependency needs a script of its own here, and the one that would run wants Python and a compiler.
  const flags = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--include=optional']
  const args = [...npm.args, ...flags, all ? '--include=dev' : '--omit=dev']
  // npm's own talk goes to stderr: stdout belongs to the command that follows.
  const { status, error } = spawnSync(npm.program, args, { cwd: root, env: npmEnvironment(), stdio: ['ignore', 2, 2] })
  if (status !== 0) return `npm ci failed (${error ? error.message : `exit code ${status}`}); its words are above`
  writeStamp(root, all)
  return 'ready'
}

function npmEnvironment() {
  const preload = fileURLToPath(new URL('./pinned-version.cjs', import.meta.url))
  return { ...process.env, NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --require "${preload}"`.trim() }
}

/** Why `npm ci` has to run, undefined when it need not. */
function reasonToInstall(root, everything) {
  if (!existsSync(join(root, 'node_modules'))) return 'nothing is installed yet'
  const stamp = readStamp(root) ?? stampWhatStands(root)
  if (stamp === undefined) return 'what is installed is not known to be what the lock file says'
  if (stamp.digest !== lockDigest(root)) return 'the lock file has changed'
  return everything && !stamp.everything ? 'the tools of development are missing' : undefined
}

/** A tree that somebody installed with npm by hand is taken as it is when npm's own record of it agrees with the lock file. */
function stampWhatStands(root) {
  const record = readJson(join(root, 'node_modules', '.package-lock.json'))?.packages
  const wanted = readJson(join(root, 'package-lock.json'))?.packages
  if (record === undefined || wanted === undefined) return undefined
  if (holds(record, wanted, true)) return writeStamp(root, true)
  return holds(record, wanted, false) ? writeStamp(root, false) : undefined
}

function holds(record, wanted, everything) {
  return Object.entries(wanted).every(([path, { version, integrity, dev, optional, devOptional }]) => {
    const isOurNode = path === `node_modules/node-linux-${process.arch}`
    const isNeeded = path !== '' && !optional && !devOptional && (everything || !dev)
    if (!isNeeded && !isOurNode) return true
    return record[path]?.version === version && record[path]?.integrity === integrity
  })
}

const lockDigest = (root) =>
  createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')

const stampPath = (root) => join(root, 'node_modules', '.kurir-install.json')
const readStamp = (root) => readJson(stampPath(root))

function writeStamp(root, everything) {
  mkdirSync(dirname(stampPath(root)), { recursive: true })
  const stamp = { digest: lockDigest(root), everything }
  writeFileSync(stampPath(root), `${JSON.stringify(stamp)}\n`)
  return stamp
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}

/** The npm that runs us; otherwise one on the PATH, or one beside the Node that runs us. */
function npmCommand() {
  const running = process.env.npm_execpath
  if (running?.endsWith('npm-cli.js') && existsSync(running)) return { program: process.execPath, args: [running] }
  const onPath = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'npm'))
  const program = onPath.find((path) => existsSync(path))
  if (program !== undefined) return { program, args: [] }
  const prefix = dirname(dirname(process.execPath))
  const beside = ['lib/node_modules/npm/bin/npm-cli.js', 'share/nodejs/npm/bin/npm-cli.js'].map((at) =>
    join(prefix, at),
  )
  const script = beside.find((path) => existsSync(path))
  return script === undefined ? undefined : { program: process.execPath, args: [script] }
}

function say(sentence) {
  process.stderr.write(`kurir: ${sentence}\n`)
}
