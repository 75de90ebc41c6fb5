// Behind `npm run check`: everything that is judged without running Kurir. Run by the launcher with the pinned Node. Says
// `passed` or `FAILED` for each check, shows the words of those that failed, and ends with `N passed, N failed`.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))
const FEW_MINUTES_MS = 300_000

const CHECKS = [
  { name: 'format and lint', script: 'node_modules/@biomejs/biome/bin/biome', args: ['check', '--error-on-warnings'] },
  { name: 'floating promises', script: 'node_modules/oxlint/bin/oxlint', args: ['--type-aware', 'src', 'test'] },
  { name: 'types', script: 'node_modules/typescript/bin/tsc', args: ['-p', '.'] },
  { name: 'dead code', script: 'node_modules/knip/bin/knip.js', args: [] },
  { name: 'generated types', script: 'schema/codegen.ts', args: ['--check'] },
]

let failed = 0
for (const check of CHECKS) {
  const started = performance.now()
  const words = run(check)
  if (words !== undefined) failed += 1
  const took = ((performance.now() - started) / 1_000).toFixed(1)
  process.stdout.write(`${words === undefined ? 'passed' : 'FAILED'}: ${check.name} (${took} s)\n${words ?? ''}`)
}
process.stdout.write(`${CHECKS.length - failed} passed, ${failed} failed\n`)
process.exitCode = failed === 0 ? 0 : 1

/** What the check complains of, undefined when it passed. */
function run({ script, args }) {
  const options = { cwd: root, encoding: 'utf8', timeout: FEW_MINUTES_MS, stdio: ['ignore', 'pipe', 'pipe'] }
  const { status, stdout, stderr } = spawnSync(process.execPath, [`${root}${script}`, ...args], options)
  return status === 0 ? undefined : `${stdout}${stderr}`
}
