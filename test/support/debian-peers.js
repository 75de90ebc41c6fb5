// The Debian packages whose programs the tests talk to: which are missing, and how they are installed.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Package to the file that shows it is there: a program by its name, anything else by its path. */
const PACKAGES = {
  dcmtk: 'storescp',
  orthanc: 'Orthanc',
  'orthanc-dicomweb': '/usr/share/orthanc/plugins/libOrthancDicomWeb.so',
  strace: 'strace',
  chromium: 'chromium',
  sqlite3: 'sqlite3',
}

/** @returns {string[]} the names of the packages that are missing */
export function missingPackages() {
  return Object.keys(PACKAGES).filter((name) => !isThere(PACKAGES[name]))
}

function isThere(program) {
  if (program.startsWith('/')) return existsSync(program)
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/sbin', '/usr/local/bin']
  return folders.some((folder) => existsSync(join(folder, program)))
}

/** The one line that installs these packages. */
export const installLine = (packages) =>
  `sudo apt-get update && sudo apt-get install -y --no-install-recommends ${packages.join(' ')}`

/** Installs the packages as root or through sudo; says whether they are all there afterwards. */
export function installPackages(packages) {
  const become = process.getuid?.() === 0 ? [] : ['sudo', '-n', '-E']
  for (const words of [['update'], ['install', '-y', '--no-install-recommends', ...packages]]) {
    const [program, ...args] = [...become, 'apt-get', '-q', ...words]
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    spawnSync(program, args, { env, stdio: ['ignore', 2, 2] })
  }
  return missingPackages().length === 0
}
