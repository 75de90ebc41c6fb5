// Run unbuilt by Node (types stripped). Nothing is imported before Node's version is known to be one that the native
// SQLite addon and the type stripping work with: the addon ends an older Node with a segmentation fault.
export {}

const OLDEST = [24, 12] as const
const EX_CONFIG = 78

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
  const needed = OLDEST.join('.')
  process.stderr.write(
    `kurir: needs Node ${needed} or newer and this is ${process.versions.node}. "npm start" brings its own.\n`,
  )
  process.exitCode = EX_CONFIG
} else {
  const { fileURLToPath } = await import('node:url')
  const { enableCompileCache } = await import('node:module')
  // Half of a start is stripping types and compiling. Coverage is exact only for what was compiled here and now.
  if (process.env['NODE_V8_COVERAGE'] === undefined) {
    // Workers take theirs from the environment. Where nothing can be written, every start compiles.
    process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(
      new URL('../node_modules/.cache/kurir/compile', import.meta.url),
    )
    enableCompileCache(process.env['NODE_COMPILE_CACHE'])
  }
  const { run } = await import('./cli/run.ts')
  process.exitCode = await run(process.argv.slice(2), process.env)
}
