import { LineCounter, type Node, parseAllDocuments, type YAMLError } from 'yaml'
import type { RuleProblem } from './rule-problem.ts'
import {
  locate,
  offsetOfError,
  Pairs,
  type Position,
  type RulePath,
  type RuleValue,
  sayYamlError,
  Unfolding,
} from './yaml-tree.ts'

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
  const unseen = findUnseen(text)
  if (unseen !== undefined) return refuse(unseen.message, unseen.line, unseen.column)
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

// Besides control characters what ends a line for one reader and not for another, so that what a comment hides or a text
// holds is not what is seen (YAML 5.4): a carriage return alone, U+0085, U+2028, U+2029; and a byte order mark inside.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNSEEN = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff]|\r(?!\n)/

function findUnseen(text: string): (Position & { readonly message: string }) | undefined {
  const found = UNSEEN.exec(text)
  if (found === null) return undefined
  const before = text.slice(0, found.index)
  return {
    line: before.split('\n').length,
    column: found.index - before.lastIndexOf('\n'),
    message: `The file contains ${nameOfUnseen(text.charCodeAt(found.index))}; remove it.`,
  }
}

function nameOfUnseen(code: number): string {
  if (code === 0) return 'a NUL byte'
  if (code === 0x0d) return 'a carriage return without a line feed'
  if (code <= 0x9f) return `the control character 0x${code.toString(16).padStart(2, '0')}`
  return `the invisible character U+${code.toString(16).toUpperCase()}`
}

function readText(file: string, text: string): { source?: RuleSource; problems: readonly RuleProblem[] } {
  const lines = new LineCounter()
  const options = {
    schema: 'failsafe',
    lineCounter: lines,
    prettyErrors: false,
    // Looked for while unfolding: the parser compares each key with all before it, seconds for a long map.
    uniqueKeys: false,
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
    problems.push({ file, ...at(offsetOfError(error, document?.contents)), message: sayYamlError(error, text) })
  }
  const root: Node | null = document?.contents ?? null
  const unfolded = new Unfolding(file, at)
  const value = root === null ? undefined : unfolded.read(root)
  problems.push(...unfolded.problems)
  if (problems.length > 0) return { problems }
  if (root === null || value === undefined || value === '') {
    return { problems: [{ file, line: 1, column: 1, message: 'The file is empty; it begins with "version: 1".' }] }
  }
  const pairs = new Pairs()
  return { source: { file, value, position: (path, key) => locate(root, path, key === true, at, pairs) }, problems }
}

/** One slip of the pen upsets the parser several times: the cause alone. */
function worthSaying(errors: readonly YAMLError[]): readonly YAMLError[] {
  const cause = errors.find((error) => error.code === 'MISSING_CHAR') ?? errors[0]
  return cause === undefined ? [] : [cause]
}
