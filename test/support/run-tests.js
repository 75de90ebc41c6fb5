// Behind `npm test`: sees to the peers, then runs Jest with the arguments given. Run by the launcher with the pinned Node.
import { spawn, spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { installLine, installPackages, missingPackages } from './debian-peers.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const isCi = process.env.CI === 'true' || process.env.CI === '1'

const missing = missingPackages()
if (missing.length === 0 || seeToPeers(missing)) runJest()
else process.exitCode = 1

/** Whether the tests may run: peers were installed, or may be missing here. */
function seeToPeers(packages) {
  if (!isCi && process.env.KURIR_TEST_PEERS !== 'install') {
    say(`without ${packages.join(', ')} some tests are skipped. To run them as well: ${installLine(packages)}`)
    return true
  }
  say(`installing the peers of the tests: ${packages.join(', ')}`)
  if (installPackages(packages)) return true
  say(`could not install ${missingPackages().join(', ')}. By hand: ${installLine(missingPackages())}`)
  return false
}

function runJest() {
  const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning']
  const args = [...flags, `${root}node_modules/jest/bin/jest.js`, ...process.argv.slice(2)]
  const env = { ...process.env }
  if (process.argv.includes('--coverage')) {
    env.KURIR_COVERAGE_DIR = `${root}coverage/processes`
    rmSync(`${root}coverage`, { recursive: true, force: true })
  }
  const jest = spawn(process.execPath, args, { cwd: root, env, stdio: 'inherit' })
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => jest.kill(signal))
  jest.on('exit', (code, signal) => {
    if (signal === null) process.exitCode = code === 0 && env.KURIR_COVERAGE_DIR !== undefined ? judgeCoverage() : code
    else {
      process.removeAllListeners(signal)
      process.kill(process.pid, signal)
    }
  })
}

/** Only a whole run is held to the number; a part of it is shown what it covers. */
function judgeCoverage() {
  const least = process.argv.slice(2).every((arg) => arg.startsWith('-')) ? '90' : '0'
  return spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', `${root}test/support/line-coverage.ts`, least],
    { stdio: 'inherit' },
  ).status
}

function say(sentence) {
  process.stderr.write(`npm test: ${sentence}\n`)
}
