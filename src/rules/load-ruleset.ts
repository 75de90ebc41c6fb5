import { createHash } from 'node:crypto'
import { z } from 'zod'
import { type Caller, callerOf, callerSchema } from './caller.ts'
import { Slots } from './condition.ts'
import { type CompiledDestination, checkName, compileDestination } from './destinations.ts'
import { type Environment, putEnvironment, variablesIn } from './environment.ts'
import { type OtherwiseOutcome, readOtherwise, UNMATCHED } from './otherwise.ts'
import { isRuleList, isRuleMap, Place } from './place.ts'
import { compileRules, type Rule, type RuleContext, type RuleList } from './rule.ts'
import { casesShell, fileShell } from './rule-file.ts'
import { type RuleProblem, sortProblems } from './rule-problem.ts'
import { type RuleFile, readSource } from './rule-source.ts'
import { type RuleTest, readTests, runTests, type TestReport } from './rule-test.ts'
import type { Ruleset } from './ruleset.ts'
import type { RulePath, RuleValue } from './yaml-tree.ts'

export type LoadResult = { readonly ruleset: Ruleset } | { readonly problems: readonly RuleProblem[] }

/**
 * Compiles the files of a rules folder, in filename order, and runs their tests. Never throws for what they contain:
 * everything wrong in all of them comes back at once, in the order of the files.
 */
export function loadRuleset(files: readonly RuleFile[], environment: Environment): LoadResult {
  const tested = testRuleset(files, environment)
  if ('problems' in tested) return tested
  const { ruleset, report } = tested
  return report.failures.length > 0 ? { problems: sortProblems(report.failures) } : { ruleset }
}

/** The same with what the tests said, for a ruleset that compiles. */
export function testRuleset(
  files: readonly RuleFile[],
  environment: Environment,
): { readonly ruleset: Ruleset; readonly report: TestReport } | { readonly problems: readonly RuleProblem[] } {
  const loading = new Loading(inOrder(files), environment)
  const { ruleset, tests } = loading.compile()
  if (loading.problems.length > 0) return { problems: sortProblems(loading.problems) }
  return { ruleset, report: runTests(tests, ruleset) }
}

/** The digest of the ruleset that these files make, whether they compile or not. */
export const digestOfFiles = (files: readonly RuleFile[]): string => digestOf(inOrder(files))

const inOrder = (files: readonly RuleFile[]): readonly RuleFile[] =>
  [...files].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))

/** SHA-256 over names and contents; the lengths in between keep two files from passing for one. */
function digestOf(files: readonly RuleFile[]): string {
  const hash = createHash('sha256')
  for (const { name, bytes } of files) hash.update(`${name.length}:${name}${bytes.length}:`).update(bytes)
  return hash.digest('hex')
}

const CASES = /^[^/]+\/cases\//
const textList = z.array(z.string()).min(1)
const textMap = z.record(z.string(), z.string())

class Loading {
  readonly problems: RuleProblem[] = []
  readonly #files: readonly RuleFile[]
  readonly #environment: Environment
  readonly #roots: readonly Place[]
  readonly #cases: readonly Place[]

  constructor(files: readonly RuleFile[], environment: Environment) {
    this.#files = files
    this.#environment = environment
    const places = files.flatMap((file) => {
      const { source, problems } = readSource(file)
      this.problems.push(...problems)
      return source === undefined ? [] : [new Place(source, this.problems)]
    })
    this.#roots = places.filter((place) => !CASES.test(place.file))
    this.#cases = places.filter((place) => CASES.test(place.file))
  }

  compile(): { readonly ruleset: Ruleset; readonly tests: readonly RuleTest[] } {
    for (const place of this.#roots) place.read(fileShell)
    for (const place of this.#cases) place.read(casesShell)
    for (const place of this.#roots) refuseVariables(place)
    const slots = new Slots()
    const lists = new Map(this.#shared('lists', (place) => readList(place)))
    const maps = new Map(this.#shared('maps', (place) => readMap(place)))
    const destinations = this.#destinations({ lists, slots })
    // A destination with a mistake of its own is still there for those who name it.
    const named = new Set(this.#roots.flatMap((place) => Object.keys(place.at('destinations').map() ?? {})))
    const rules = this.#rules({ lists, maps, keys: new Set(), slots, destinations: named, names: new Map() })
    const { callers, callersNotConfigured } = this.#callers()
    const otherwise = this.#otherwise()
    const tests = [...this.#roots, ...this.#cases].flatMap((place) =>
      readTests(place.at('tests'), { lists, destinations: named, wholeRuleset: this.#cases.includes(place) }),
    )
    const digest = digestOf(this.#files)
    return { ruleset: { digest, callers, destinations, rules, otherwise, callersNotConfigured }, tests }
  }

  /** What stands under one key in all files, each name once. */
  #shared<T>(section: string, read: (place: Place, name: string) => T | undefined): readonly (readonly [string, T])[] {
    const first = new Map<string, string>()
    return this.#roots.flatMap((root) =>
      root
        .at(section)
        .entries()
        .flatMap(([name, place]) => {
          const before = first.get(name)
          const { line } = place.source.position(place.path, true)
          if (before !== undefined) place.reportKey(`${name} stands under ${section} already, at ${before}.`)
          else first.set(name, `${place.file}:${line}`)
          const value = read(place, name)
          return value === undefined || before !== undefined ? [] : [[name, value] as const]
        }),
    )
  }

  #destinations(context: Parameters<typeof compileDestination>[3]): ReadonlyMap<string, CompiledDestination> {
    return new Map(
      this.#shared('destinations', (place, name) => compileDestination(name, place, this.#environment, context)),
    )
  }

  #callers(): Pick<Ruleset, 'callers' | 'callersNotConfigured'> {
    const callersNotConfigured: { name: string; unset: readonly string[] }[] = []
    const callers = this.#shared('callers', (place, name): Caller | undefined => {
      checkName(name, place, 'caller')
      const filled = putEnvironment(place.value ?? '', this.#environment)
      if (filled.unset.length > 0) {
        callersNotConfigured.push({ name, unset: filled.unset })
        return undefined
      }
      const options = place.withValue(filled.value).read(callerSchema)
      return options === undefined ? undefined : callerOf(options, name, place.file, place.position().line)
    })
    const declared = this.#roots.some((root) => root.has('callers'))
    return { callers: declared ? callers.map(([, caller]) => caller) : undefined, callersNotConfigured }
  }

  #rules(context: RuleContext): readonly Rule[] {
    const top: RuleList = {}
    return this.#roots.flatMap((root) => compileRules(root.at('rules'), context, top))
  }

  #otherwise(): OtherwiseOutcome {
    const said = this.#roots.filter((root) => root.has('otherwise')).map((root) => root.at('otherwise'))
    const outcomes = said.map((place) => readOtherwise(place))
    const [first, ...others] = said
    for (const place of others) {
      const { line } = first?.source.position(first.path, true) ?? { line: 1 }
      place.reportKey(`otherwise is said already, at ${first?.file}:${line}; one file may say it.`)
    }
    return outcomes[0] ?? UNMATCHED
  }
}

function readList(place: Place): ReadonlySet<string> | undefined {
  const texts = place.read(textList)
  return texts === undefined ? undefined : new Set(texts.map((text) => text.normalize('NFC')))
}

function readMap(place: Place): ReadonlyMap<string, string> | undefined {
  const texts = place.read(textMap)
  return texts === undefined
    ? undefined
    : new Map(Object.entries(texts).map(([from, to]) => [from.normalize('NFC'), to]))
}

/** RULES.md 3.13: rules mean the same on every machine. */
function refuseVariables(root: Place): void {
  for (const [section, place] of root.entries()) {
    if (section === 'callers' || section === 'destinations') continue
    visit(place.value, [], (text, path) => {
      const [name] = variablesIn(text)
      if (name !== undefined) place.report(`\${${name}} may stand under callers and destinations only.`, path)
    })
  }
}

function visit(value: RuleValue | undefined, path: RulePath, look: (text: string, path: RulePath) => void): void {
  if (isRuleList(value)) for (const [index, item] of value.entries()) visit(item, [...path, index], look)
  else if (isRuleMap(value)) for (const key of Object.keys(value)) visit(value[key], [...path, key], look)
  else if (value !== undefined) look(value, path)
}
