import type { z } from 'zod'
import type { RuleProblem } from './rule-problem.ts'
import type { RuleSource } from './rule-source.ts'
import type { Position, RulePath, RuleValue } from './yaml-tree.ts'
import { sayIssues } from './zod-words.ts'

/**
 * A value of a rule file together with where it stands. Reading goes on after a mistake, so that everything wrong in
 * all files is told at once: whoever finds one reports it here and leaves the piece out.
 */
export class Place {
  readonly source: RuleSource
  readonly path: RulePath
  /** Undefined when nothing stands there. */
  readonly value: RuleValue | undefined
  readonly #problems: RuleProblem[]

  constructor(source: RuleSource, problems: RuleProblem[], path: RulePath = [], value?: RuleValue) {
    this.source = source
    this.#problems = problems
    this.path = path
    this.value = path.length === 0 ? source.value : value
  }

  get file(): string {
    return this.source.file
  }

  /** The same place with another value: what it says after the environment was put in. */
  withValue(value: RuleValue): Place {
    return new Place(this.source, this.#problems, this.path, value)
  }

  /** What stands under `key`; its value is undefined when nothing does. */
  at(key: string): Place {
    const map = this.map()
    return new Place(this.source, this.#problems, [...this.path, key], map === undefined ? undefined : map[key])
  }

  has(key: string): boolean {
    return this.map()?.[key] !== undefined
  }

  map(): { readonly [key: string]: RuleValue } | undefined {
    return isRuleMap(this.value) ? this.value : undefined
  }

  /** Each key with its value, in the order of the file. */
  entries(): readonly (readonly [string, Place])[] {
    return Object.keys(this.map() ?? {}).map((key) => [key, this.at(key)])
  }

  /** The items of a list; none when it is not one. */
  items(): readonly Place[] {
    if (!isRuleList(this.value)) return []
    return this.value.map((item, index) => new Place(this.source, this.#problems, [...this.path, index], item))
  }

  text(): string | undefined {
    return typeof this.value === 'string' ? this.value : undefined
  }

  /** The value as the schema reads it, or undefined after reporting what is wrong with it. */
  read<T>(schema: z.ZodType<T>): T | undefined {
    const result = schema.safeParse(this.value)
    if (result.success) return result.data
    for (const { path, key, message } of sayIssues(result.error.issues, schema, this.value)) {
      this.report(message, path, key)
    }
    return undefined
  }

  /** Reports one mistake here, or at the key that names this value, or deeper inside. */
  report(message: string, inside: RulePath = [], key = false): undefined {
    const position = this.source.position([...this.path, ...inside], key)
    this.#problems.push({ file: this.file, ...position, message })
  }

  /** Reports one mistake at the key under which this value stands. */
  reportKey(message: string): undefined {
    return this.report(message, [], true)
  }

  position(): Position {
    return this.source.position(this.path)
  }
}

export const isRuleMap = (value: RuleValue | undefined): value is { readonly [key: string]: RuleValue } =>
  typeof value === 'object' && !Array.isArray(value)

export const isRuleList = (value: RuleValue | undefined): value is readonly RuleValue[] => Array.isArray(value)
