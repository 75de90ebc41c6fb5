// Bundles the GraphQL playground once per lock file and source. Plain JavaScript for any Node from 18 on.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A playground that cannot be built stops nothing: the router routes without it, and says so. */
export function buildPlayground(root, node) {
  const source = join(root, 'src', 'admin', 'playground')
  if (!existsSync(join(source, 'build.js'))) return
  const digest = digestOf(root, source)
  if (read(join(root, 'node_modules', '.cache', 'kurir', 'playground', 'stamp')) === digest) return
  process.stderr.write('kurir: bundling the GraphQL playground, once\n')
  const { status } = spawnSync(node, [join(source, 'build.js'), digest], { cwd: root, stdio: ['ignore', 2, 2] })
  if (status !== 0) process.stderr.write('kurir: the playground could not be bundled; /graphql works without it\n')
}

function digestOf(root, source) {
  const hash = createHash('sha256')
  for (const file of [join(root, 'package-lock.json'), ...readdirSync(source).map((name) => join(source, name))]) {
    hash.update(read(file) ?? '').update('\0')
  }
  return hash.digest('hex')
}

function read(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
