import { createHash } from 'node:crypto'
import { z } from 'zod'
import { type CalledServices, outlineCalls } from './called-services.ts'
import { type Caller, callerOf, callerSchema } from './caller.ts'
import { Slots } from './condition.ts'
import { type CompiledDestination, checkName, compileDestination } from './destinations.ts'
import { type Environment, putEnvironment, variablesIn } from './environment.ts'
import { keyIn, type ReadKeyFile, readKeySection } from './key-section.ts'
import { type OtherwiseOutcome, readOtherwise, UNMATCHED } from './otherwise.ts'
import { isRuleList, isRuleMap, Place } from './place.ts'
import { AT_THE_TOP, compileRules, type Rule, type RuleContext, type RuleList } from './rule.ts'
import { casesShell, fileShell } from './rule-file.ts'
import { type RuleProblem, sortProblems } from './rule-problem.ts'
import { type RuleFile, readSource } from './rule-source.ts'
import { type RuleTest, readTests } from './rule-test.ts'
import type { Ruleset, StudySection } from './ruleset.ts'
import { runTests, type TestReport } from './run-test.ts'
import { compileService, type Service } from './service.ts'
import { readStudyOptions } from './study-options.ts'
import { studyNamesOf } from './study-values.ts'
import type { RulePath, RuleValue } from './yaml-tree.ts'

export type LoadResult = { readonly ruleset: Ruleset } | { readonly problems: readonly RuleProblem[] }

/**
 * Compiles the files of a rules folder, in filename order, and runs their tests. Never throws for what they contain:
 * everything wrong in all of them comes back at once, in the order of the files.
 *
 * @param readKeyFile where it is not given no key is there, and what needs one is held; the tests have keys of their own
 */
export function loadRuleset(
  files: readonly RuleFile[],
  environment: Environment,
  readKeyFile: ReadKeyFile = () => undefined,
): LoadResult {
  const tested = testRuleset(files, environment, readKeyFile)
  if ('problems' in tested) return tested
  const { ruleset, report } = tested
  return report.failures.length > 0 ? { problems: sortProblems(report.failures) } : { ruleset }
}

/** The same with what the tests said, for a ruleset that compiles. */
export function testRuleset(
  files: readonly RuleFile[],
  environment: Environment,
  readKeyFile: ReadKeyFile = () => undefined,
): { readonly ruleset: Ruleset; readonly report: TestReport } | { readonly problems: readonly RuleProblem[] } {
  const loading = new Loading(inOrder(files), environment, readKeyFile)
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
  readonly #readKeyFile: ReadKeyFile
  readonly #roots: readonly Place[]
  readonly #cases: readonly Place[]

  constructor(files: readonly RuleFile[], environment: Environment, readKeyFile: ReadKeyFile) {
    this.#readKeyFile = readKeyFile
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
    const { keys, keysNotConfigured, declaredKeys } = this.#keys()
    const services = this.#services(named)
    const calls = this.#calledServices()
    const rules = this.#rules({
      lists,
      maps,
      keys: declaredKeys,
      slots,
      destinations: named,
      services: calls,
      names: new Map(),
    })
    const study = this.#study(rules)
    const lookups = lookupsOf(rules)
    const { callers, callersNotConfigured } = this.#callers()
    const otherwise = this.#otherwise()
    const tests = [...this.#roots, ...this.#cases].flatMap((place) =>
      readTests(place.at('tests'), { lists, destinations: named, lookups, wholeRuleset: this.#cases.includes(place) }),
    )
    const digest = digestOf(this.#files)
    const notConfigured = { callersNotConfigured, keysNotConfigured }
    return {
      ruleset: { digest, callers, destinations, services, rules, study, otherwise, keys, ...notConfigured },
      tests,
    }
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

  #keys(): Pick<Ruleset, 'keysNotConfigured'> & {
    readonly keys: ReadonlyMap<string, Uint8Array>
    readonly declaredKeys: ReadonlySet<string>
  } {
    const keys = new Map<string, Uint8Array>()
    const keysNotConfigured: { name: string; file: string }[] = []
    for (const [name, file] of this.#shared('keys', readKeySection)) {
      const key = keyIn(file, this.#readKeyFile)
      if (key === undefined) keysNotConfigured.push({ name, file })
      else keys.set(name, key)
    }
    // A key with a mistake of its own is still there for those who name it.
    const declaredKeys = new Set(this.#roots.flatMap((root) => Object.keys(root.at('keys').map() ?? {})))
    return { keys, keysNotConfigured, declaredKeys }
  }

  #services(destinations: ReadonlySet<string>): ReadonlyMap<string, Service> {
    return new Map(
      this.#shared('services', (place, name) => compileService(name, place, this.#environment, destinations)),
    )
  }

  /** A service with a mistake of its own is still there for those who name it. */
  #calledServices(): CalledServices {
    return new Map(
      this.#roots.flatMap((root) =>
        root
          .at('services')
          .entries()
          .map(([name, place]) => [name, outlineCalls(place)] as const),
      ),
    )
  }

  #study(rules: readonly Rule[]): StudySection {
    const ofStudies = rules.filter((rule) => rule.on === 'study')
    return {
      options: readStudyOptions(this.#roots),
      hasRules: ofStudies.length > 0,
      wants: ofStudies.some((rule) => rule.wants),
      names: studyNamesOf(ofStudies),
    }
  }

  #rules(context: RuleContext): readonly Rule[] {
    const top: RuleList = {}
    return this.#roots.flatMap((root) => compileRules(root.at('rules'), context, top, AT_THE_TOP))
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

/** The aliases of all lookups, with what their answers may say. */
function lookupsOf(rules: readonly Rule[]): ReadonlyMap<string, ReadonlySet<string>> {
  const known = new Map<string, Set<string>>()
  const visit = (rule: Rule): void => {
    for (const { alias, fields } of rule.lookups) known.set(alias, new Set([...(known.get(alias) ?? []), ...fields]))
    rule.rules.forEach(visit)
  }
  rules.forEach(visit)
  return known
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

const MAY_NAME_VARIABLES: ReadonlySet<string> = new Set(['callers', 'destinations', 'sources', 'services'])

/** RULES.md 3.13: rules mean the same on every machine. */
function refuseVariables(root: Place): void {
  for (const [section, place] of root.entries()) {
    if (MAY_NAME_VARIABLES.has(section)) continue
    visit(place.value, [], (text, path) => {
      const [name] = variablesIn(text)
      if (name !== undefined)
        place.report(`\${${name}} may stand under callers, destinations, sources and services only.`, path)
    })
  }
}

function visit(value: RuleValue | undefined, path: RulePath, look: (text: string, path: RulePath) => void): void {
  if (isRuleList(value)) for (const [index, item] of value.entries()) visit(item, [...path, index], look)
  else if (isRuleMap(value)) for (const key of Object.keys(value)) visit(value[key], [...path, key], look)
  else if (value !== undefined) look(value, path)
}
