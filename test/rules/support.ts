import type { Facts } from '../../src/rules/facts.ts'
import { factsOf } from '../../src/rules/given.ts'
import { loadRuleset } from '../../src/rules/load-ruleset.ts'
import { formatProblem } from '../../src/rules/rule-problem.ts'
import type { RuleFile } from '../../src/rules/rule-source.ts'
import type { Ruleset } from '../../src/rules/ruleset.ts'

export const fileOf = (text: string, name = 'rules/10.yaml'): RuleFile => ({ name, bytes: Buffer.from(text) })

/** Three folders to forward to. */
export const DESTINATIONS = fileOf(
  [
    'version: 1',
    'destinations:',
    ...['a', 'b', 'c'].map((name) => `  ${name}: { folder: { path: ./${name} } }`),
    '',
  ].join('\n'),
  'rules/00.yaml',
)

/** The keys that rules of tests may name. */
export const KEY_FILE = fileOf('version: 1\nkeys: { veil: { file: veil }, mask: { file: mask } }\n', 'rules/01.yaml')
export const KEYS: ReadonlyMap<string, Uint8Array> = new Map([
  ['veil', Buffer.alloc(32, 7)],
  ['mask', Buffer.alloc(32, 8)],
])

/** The ruleset of these rules, with destinations a, b and c and KEYS. Throws what is wrong with it. */
export function rulesetOf(text: string, environment: Record<string, string> = {}): Ruleset {
  const files = [DESTINATIONS, KEY_FILE, fileOf(`version: 1\n${text}`)]
  const result = loadRuleset(files, environment, (path) => KEYS.get(path))
  if ('ruleset' in result) return result.ruleset
  throw new Error(result.problems.map(formatProblem).join('\n'))
}

/** What is wrong with one file, beside destinations a, b and c, as `check` prints it. */
export function problemsOf(text: string | Uint8Array, environment: Record<string, string> = {}): readonly string[] {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text
  const result = loadRuleset([DESTINATIONS, { name: 'rules/10.yaml', bytes }], environment)
  return 'problems' in result ? result.problems.map(formatProblem) : []
}

export function factsFrom(given: Readonly<Record<string, string | readonly string[]>>): Facts {
  const facts = factsOf(
    new Map(Object.entries(given).map(([name, value]) => [name, typeof value === 'string' ? [value] : value])),
  )
  if ('problems' in facts) throw new Error([...facts.problems.values()].join('\n'))
  return facts
}
