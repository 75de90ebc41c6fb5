// Which lines of src/ ran, in Jest, in the processes that tests started and in their worker threads together.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** Not ours to test: written by a generator, run by a browser, or run before there is anything to measure with. */
const LEFT_OUT = /^admin\/(?:generated\.ts|playground\/)|^launch|\.d\.ts$/

/**
 * @param {string} root the folder of package.json
 * @param {string} folder where Jest left `coverage-final.json` and the processes left theirs, in `processes/`
 * @returns {{ name: string, lines: number, missed: number[] }[]} each file of src with its lines of code (not blank, no
 *   comment, no type) and the numbers of those that never ran
 */
export function lineCoverage(root, folder) {
  const inJest = readJson(join(folder, 'coverage-final.json')) ?? {}
  const elsewhere = readProcesses(join(folder, 'processes'))
  const src = join(root, 'src')
  const names = readdirSync(src, { recursive: true }).filter((name) => /\.ts$/.test(name) && !LEFT_OUT.test(name))
  return names.sort().map((name) => {
    const path = join(src, name)
    const text = readFileSync(path, 'utf8')
    const wanted = codeLines(text)
    const ran = linesRunInJest(inJest[path])
    for (const functions of elsewhere.get(pathToFileURL(path).href) ?? []) addLinesRun(text, functions, ran)
    return { name, lines: wanted.length, missed: wanted.filter((line) => !ran.has(line)) }
  })
}

/** The numbers, from 1, of the lines that still hold code when types and comments are taken away. */
export function codeLines(text) {
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

/** @param file one file's part of Jest's `coverage-final.json`: each statement of it is a line */
function linesRunInJest(file) {
  const run = Object.entries(file?.s ?? {}).filter(([, count]) => count > 0)
  return new Set(run.map(([id]) => file.statementMap[id].start.line))
}

/**
 * Adds the lines in which anything ran, by V8's block coverage: ranges nest, and the innermost count holds.
 *
 * @param {string} text the source; stripped types are blanks, so that offsets agree
 */
export function addLinesRun(text, functions, ran) {
  const counts = new Uint8Array(text.length)
  const ranges = functions.flatMap(({ ranges: own }) => own)
  // Outer ranges before inner ones: they begin earlier, or end later where they begin together.
  ranges.sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset)
  for (const { startOffset, endOffset, count } of ranges) counts.fill(count > 0 ? 1 : 0, startOffset, endOffset)
  let line = 1
  for (let offset = 0; offset < text.length; offset += 1) {
    const char = text.charCodeAt(offset)
    if (char === 10) line += 1
    else if (char > 32 && counts[offset] === 1) ran.add(line)
  }
}

/** URL of a file to what each process or thread wrote down about it. */
function readProcesses(folder) {
  const byUrl = new Map()
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    for (const { url, functions } of readJson(join(folder, name))?.result ?? []) {
      if (url.startsWith('file:') && url.includes('/src/')) byUrl.set(url, [...(byUrl.get(url) ?? []), functions])
    }
  }
  return byUrl
}

/** A process that was killed while it wrote leaves half a file: it counts as none. */
function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}

/** Prints the files that are covered least and the whole; says whether that is enough. */
function report(leastPercent) {
  const root = fileURLToPath(new URL('../../', import.meta.url))
  const files = lineCoverage(root, join(root, 'coverage'))
  const percent = (missed, lines) => (lines === 0 ? 100 : (100 * (lines - missed)) / lines)
  const sum = (of) => files.reduce((total, file) => total + of(file), 0)
  const worst = files.filter(({ missed }) => missed.length > 0).sort((a, b) => b.missed.length - a.missed.length)
  for (const { name, lines, missed } of worst.slice(0, 15)) {
    const which = missed.slice(0, 12).join(' ')
    process.stdout.write(
      `${percent(missed.length, lines).toFixed(0).padStart(4)} % ${name}: ${which}${missed.length > 12 ? ' …' : ''}\n`,
    )
  }
  const whole = percent(
    sum(({ missed }) => missed.length),
    sum(({ lines }) => lines),
  )
  process.stdout.write(
    `${whole.toFixed(1)} % of ${sum(({ lines }) => lines)} lines of src ran; ${leastPercent} % are wanted\n`,
  )
  return whole >= leastPercent
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = report(Number(process.argv[2] ?? 90)) ? 0 : 1
