import { LineCounter, type Node, parseAllDocuments, type YAMLError } from 'yaml'
import type { RuleProblem } from './rule-problem.ts'
import { locate, type Position, type RulePath, type RuleValue, sayYamlError, Unfolding } from './yaml-tree.ts'

/** One file of the rules folder as it was read: nothing of it is trusted yet. */
export interface RuleFile {
  /** Relative, beginning with the folder's own name: `rules/10-archive.yaml`. */
  readonly name: string
  readonly bytes: Uint8Array
}

/** A rule file that is well-formed YAML, with the place of everything in it. */
export interface RuleSource {
  readonly file: string
  readonly value: RuleValue
  /** Where the value at `path` stands; with `key`, where the key that names it stands. The nearest place that exists. */
  position(path: RulePath, key?: boolean): Position
}

export const MAX_FILE_BYTES = 1024 * 1024

/** Reads YAML by the failsafe schema. Everything that makes the text unusable comes back as problems; never throws. */
export function readSource(file: RuleFile): {
  readonly source?: RuleSource
  readonly problems: readonly RuleProblem[]
} {
  const refuse = (message: string, line = 1, column = 1): { problems: readonly RuleProblem[] } => ({
    problems: [{ file: file.name, line, column, message }],
  })
  if (file.bytes.length > MAX_FILE_BYTES) return refuse(`The file is ${file.bytes.length} bytes; 1 MB is the most.`)
  const text = decode(file.bytes)
  if (typeof text !== 'string') return refuse(text.message)
  const control = findControl(text)
  if (control !== undefined) return refuse(control.message, control.line, control.column)
  try {
    return readText(file.name, text)
  } catch (error) {
    // The parser recurses: a thousand opening brackets end its stack before they end its input.
    return error instanceof RangeError || Error.isError(error)
      ? refuse('The file cannot be read as YAML: it is nested too deeply or malformed.')
      : refuse('The file cannot be read as YAML.')
  }
}

function decode(bytes: Uint8Array): string | { readonly message: string } {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    return { message: 'The file begins with a byte order mark; save it as UTF-8 without BOM.' }
  }
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    return { message: 'The file is UTF-16; save it as UTF-8 without BOM.' }
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return { message: 'The file is not UTF-8; save it as UTF-8 without BOM.' }
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/

function findControl(text: string): (Position & { readonly message: string }) | undefined {
  const found = CONTROL.exec(text)
  if (found === null) return undefined
  const before = text.slice(0, found.index)
  const code = text.charCodeAt(found.index)
  const name = code === 0 ? 'a NUL byte' : `the control character 0x${code.toString(16).padStart(2, '0')}`
  return {
    line: before.split('\n').length,
    column: found.index - before.lastIndexOf('\n'),
    message: `The file contains ${name}; remove it.`,
  }
}

function readText(file: string, text: string): { source?: RuleSource; problems: readonly RuleProblem[] } {
  const lines = new LineCounter()
  const options = {
    schema: 'failsafe',
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
    logLevel: 'silent',
  } as const
  const documents = parseAllDocuments(text, options)
  const at = (offset: number): Position => ({ line: lines.linePos(offset).line, column: lines.linePos(offset).col })
  const problems: RuleProblem[] = []
  if (!Array.isArray(documents) || documents.length === 0) {
    return { problems: [{ file, line: 1, column: 1, message: 'The file is empty; it begins with "version: 1".' }] }
  }
  const second = documents[1]
  if (second !== undefined) {
    const message = 'The file holds more than one YAML document; put each into a file of its own.'
    problems.push({ file, ...at(second.range[0]), message })
  }
  const document = documents[0]
  for (const error of worthSaying(document?.errors ?? [])) {
    problems.push({ file, ...at(error.pos[0]), message: sayYamlError(error, text) })
  }
  const root: Node | null = document?.contents ?? null
  const unfolded = new Unfolding(file, at)
  const value = root === null ? undefined : unfolded.read(root)
  problems.push(...unfolded.problems)
  if (problems.length > 0) return { problems }
  if (root === null || value === undefined || value === '') {
    return { problems: [{ file, line: 1, column: 1, message: 'The file is empty; it begins with "version: 1".' }] }
  }
  return { source: { file, value, position: (path, key) => locate(root, path, key === true, at) }, problems }
}

/** One slip of the pen upsets the parser several times: each key that stands twice, but of the others the cause alone. */
function worthSaying(errors: readonly YAMLError[]): readonly YAMLError[] {
  const twice = errors.filter((error) => error.code === 'DUPLICATE_KEY')
  const others = errors.filter((error) => error.code !== 'DUPLICATE_KEY')
  const cause = others.find((error) => error.code === 'MISSING_CHAR') ?? others[0]
  return cause === undefined ? twice : [...twice, cause]
}
