import type { RuleProblem } from '../rules/rule-problem.ts'

/** Every mistake as a line, with the sentences in one column. */
export function aligned(problems: readonly RuleProblem[]): readonly string[] {
  const lines = problems.map(({ file, line, column, message }) => ({ where: `${file}:${line}:${column}`, message }))
  const width = Math.max(0, ...lines.map(({ where }) => where.length)) + 2
  return lines.map(({ where, message }) => `${where.padEnd(width)}${message}`)
}
