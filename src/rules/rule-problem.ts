/** One thing that is wrong in a rule file, as one sentence that a person can act on. */
export interface RuleProblem {
  /** Relative, beginning with the folder's own name: `rules/10-archive.yaml`. */
  readonly file: string
  /** 1-based. */
  readonly line: number
  /** 1-based. */
  readonly column: number
  readonly message: string
}

/** `rules/10-archive.yaml:21:7 message`, as `check` prints it. */
export const formatProblem = (problem: RuleProblem): string =>
  `${problem.file}:${problem.line}:${problem.column} ${problem.message}`

const LONGEST_MESSAGE = 1_000
const LONGEST_WORD = 120

/** A message quotes what stands in the file, which may be anything: it stays one line, and of a size that is read. */
const tidy = (message: string): string =>
  message
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .replace(/\S{121,}/g, (word) => `${word.slice(0, LONGEST_WORD)}…`)
    .slice(0, LONGEST_MESSAGE)

/** In the order in which a person would walk through the files, each problem once. */
export function sortProblems(problems: readonly RuleProblem[]): readonly RuleProblem[] {
  const tidied = problems.map((problem) => ({ ...problem, message: tidy(problem.message) }))
  const unique = new Map(tidied.map((problem) => [formatProblem(problem), problem]))
  return [...unique.values()].sort(
    (a, b) => compare(a.file, b.file) || a.line - b.line || a.column - b.column || compare(a.message, b.message),
  )
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
