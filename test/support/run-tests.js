// Behind `npm test`: sees to the peers, then runs Jest with the arguments given. Run by the launcher with the pinned Node.
import { spawn } from 'node:child_process'
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
  const jest = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' })
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => jest.kill(signal))
  jest.on('exit', (code, signal) => {
    if (signal === null) process.exitCode = code
    else {
      process.removeAllListeners(signal)
      process.kill(process.pid, signal)
    }
  })
}

function say(sentence) {
  process.stderr.write(`npm test: ${sentence}\n`)
}
