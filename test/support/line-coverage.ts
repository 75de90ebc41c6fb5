// Which lines of src/ ran, in Jest, in the processes that tests started and in their worker threads together.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** Not ours to test: written by a generator, run by a browser, or run before there is anything to measure with. */
const LEFT_OUT = /^admin\/(?:generated\.ts|playground\/)|^launch|\.d\.ts$/

/** How one function ran, by V8's block coverage: ranges nest, and the innermost count holds. */
export interface FunctionCoverage {
  readonly ranges: readonly { readonly startOffset: number; readonly endOffset: number; readonly count: number }[]
}

interface ProcessCoverage {
  readonly result: readonly { readonly url: string; readonly functions: readonly FunctionCoverage[] }[]
}

/** One file's part of Jest's `coverage-final.json`: each statement of it is a line. */
interface JestCoverage {
  readonly s: Readonly<Record<string, number>>
  readonly statementMap: Readonly<Record<string, { readonly start: { readonly line: number } }>>
}

interface FileCoverage {
  readonly name: string
  /** How many lines hold code. */
  readonly lines: number
  /** The numbers, from 1, of those that never ran. */
  readonly missed: readonly number[]
}

/**
 * @param root the folder of package.json
 * @param folder where Jest left `coverage-final.json`, and the processes left theirs in `processes/`
 */
function lineCoverage(root: string, folder: string): readonly FileCoverage[] {
  const inJest = readJson<Record<string, JestCoverage>>(join(folder, 'coverage-final.json')) ?? {}
  const elsewhere = readProcesses(join(folder, 'processes'))
  const src = join(root, 'src')
  const names = readdirSync(src, { recursive: true, encoding: 'utf8' })
  const ours = names.filter((name) => name.endsWith('.ts') && !LEFT_OUT.test(name)).sort()
  return ours.map((name) => {
    const path = join(src, name)
    const text = readFileSync(path, 'utf8')
    const wanted = codeLines(text)
    const ran = linesRunInJest(inJest[path])
    for (const functions of elsewhere.get(pathToFileURL(path).href) ?? []) addLinesRun(text, functions, ran)
    return { name, lines: wanted.length, missed: wanted.filter((line) => !ran.has(line)) }
  })
}

/** The numbers, from 1, of the lines that still hold code when types and comments are taken away. */
export function codeLines(text: string): readonly number[] {
  const code = stripTypeScriptTypes(text, { mode: 'strip' }).split('\n')
  let inComment = false
  return code.flatMap((line, index) => {
    const words = line.trim()
    if (words.startsWith('/*')) inComment = true
    const isCode = !inComment && /\w/.test(words) && !words.startsWith('//')
    if (words.endsWith('*/')) inComment = false
    return isCode ? [index + 1] : []
  })
}

function linesRunInJest(file: JestCoverage | undefined): Set<number> {
  const run = Object.entries(file?.s ?? {}).filter(([, count]) => count > 0)
  return new Set(run.map(([id]) => file?.statementMap[id]?.start.line ?? 0))
}

/**
 * Adds to `ran` the numbers of the lines in which anything ran.
 *
 * @param text the source; Node leaves blanks where it takes types away, so that offsets agree
 */
export function addLinesRun(text: string, functions: readonly FunctionCoverage[], ran: Set<number>): void {
  const counts = new Uint8Array(text.length)
  // Outer ranges before inner ones: they begin earlier, or end later where they begin together.
  const ranges = functions
    .flatMap((each) => each.ranges)
    .sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset)
  for (const { startOffset, endOffset, count } of ranges) counts.fill(count > 0 ? 1 : 0, startOffset, endOffset)
  let line = 1
  for (let offset = 0; offset < text.length; offset += 1) {
    const char = text.charCodeAt(offset)
    if (char === 10) line += 1
    else if (char > 32 && counts[offset] === 1) ran.add(line)
  }
}

/** URL of a file to what each process or thread wrote down about it. */
function readProcesses(folder: string): ReadonlyMap<string, readonly (readonly FunctionCoverage[])[]> {
  const byUrl = new Map<string, (readonly FunctionCoverage[])[]>()
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    for (const { url, functions } of readJson<ProcessCoverage>(join(folder, name))?.result ?? []) {
      if (!url.startsWith('file:') || !url.includes('/src/')) continue
      const known = byUrl.get(url) ?? []
      known.push(functions)
      byUrl.set(url, known)
    }
  }
  return byUrl
}

/** A process that was killed while it wrote leaves half a file: it counts as none. */
function readJson<Shape>(path: string): Shape | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Shape
  } catch {
    return undefined
  }
}

/** Prints the files that are covered least and the whole; says whether that is enough. */
function report(leastPercent: number): boolean {
  const root = fileURLToPath(new URL('../../', import.meta.url))
  const files = lineCoverage(root, join(root, 'coverage'))
  const worst = files.filter(({ missed }) => missed.length > 0).sort((a, b) => b.missed.length - a.missed.length)
  for (const { name, lines, missed } of worst.slice(0, 15)) {
    const share = percent(missed.length, lines).toFixed(0).padStart(4)
    process.stdout.write(`${share} % ${name}: ${missed.slice(0, 12).join(' ')}${missed.length > 12 ? ' …' : ''}\n`)
  }
  const lines = files.reduce((sum, file) => sum + file.lines, 0)
  const whole = percent(
    files.reduce((sum, { missed }) => sum + missed.length, 0),
    lines,
  )
  process.stdout.write(`${whole.toFixed(1)} % of ${lines} lines of src ran; ${leastPercent} % are wanted\n`)
  return whole >= leastPercent
}

const percent = (missed: number, lines: number): number => (lines === 0 ? 100 : (100 * (lines - missed)) / lines)

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = report(Number(process.argv[2] ?? 90)) ? 0 : 1
