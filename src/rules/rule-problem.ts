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

/** In the order in which a person would walk through the files, each problem once. */
export function sortProblems(problems: readonly RuleProblem[]): readonly RuleProblem[] {
  const unique = new Map(problems.map((problem) => [formatProblem(problem), problem]))
  return [...unique.values()].sort(
    (a, b) => compare(a.file, b.file) || a.line - b.line || a.column - b.column || compare(a.message, b.message),
  )
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
