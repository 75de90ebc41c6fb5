// Reads which file imports what, by its text: the architecture test judges what is written, not what a bundler makes of it.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const srcDir = fileURLToPath(new URL('../../src', import.meta.url))

export interface SourceFile {
  /** Relative to the folder that was read, with slashes: `ledger/sqlite/open.ts`. */
  readonly name: string
  /** The text without its comments. */
  readonly code: string
  readonly lines: number
  /** Files of the same folder that it imports or starts as a worker, by their names. */
  readonly files: readonly string[]
  /** Packages and `node:` modules that it imports: `fastify`, `@apollo/server`, `node:fs`. */
  readonly packages: readonly string[]
}

const FORMS = [
  /\b(?:import|export)\b[^'"`;()]*?\bfrom\s*['"]([^'"]+)['"]/g,
  /\bimport\s*['"]([^'"]+)['"]/g,
  /\bimport\s*\(\s*['"]([^'"]+)['"]/g,
  /\bnew URL\(\s*['"](\.[^'"]+\.(?:ts|js))['"]\s*,\s*import\.meta\.url/g,
]

/** Every TypeScript and JavaScript file below a folder, declarations left out. */
export function readSources(folder: string = srcDir): readonly SourceFile[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(?:ts|js|jsx)$/.test(name) && !name.endsWith('.d.ts'))
    .sort()
    .map((name) => readSource(name, readFileSync(join(folder, name), 'utf8')))
}

/** The same for one text, under the name it would have. */
export function readSource(name: string, text: string): SourceFile {
  const code = withoutComments(text)
  const found = FORMS.flatMap((form) => [...code.matchAll(form)].map((match) => match[1] ?? ''))
  const specifiers = [...new Set(found)]
  return {
    name,
    code,
    lines: text.trimEnd().split('\n').length,
    files: specifiers.filter((to) => to.startsWith('.')).map((to) => relative('.', join(dirname(name), to))),
    packages: specifiers.filter((to) => !to.startsWith('.')).map(packageOf),
  }
}

// Whole-line comments and doc comments only: a `//` behind code may stand in a text (`https://`).
const withoutComments = (text: string): string =>
  text.replace(/^\s*\/\*[\s\S]*?\*\//gm, '').replace(/^\s*\/\/.*$/gm, '')

function packageOf(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

/** The circles of imports: each as the names along it, the first again at the end. */
export function circlesOf(sources: readonly Pick<SourceFile, 'name' | 'files'>[]): readonly (readonly string[])[] {
  const files = new Map(sources.map((source) => [source.name, source.files]))
  const circles: string[][] = []
  const finished = new Set<string>()
  const visit = (name: string, path: readonly string[]): void => {
    if (path.includes(name)) {
      circles.push([...path.slice(path.indexOf(name)), name])
      return
    }
    if (finished.has(name)) return
    for (const next of files.get(name) ?? []) visit(next, [...path, name])
    finished.add(name)
  }
  for (const name of files.keys()) visit(name, [])
  return circles
}
