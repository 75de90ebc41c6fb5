import { outlineCalls } from './called-services.ts'
import { type Caller, callerOf, callerSchema } from './caller.ts'
import { Slots } from './condition.ts'
import { checkName, compileDestination } from './destinations.ts'
import { type Environment, putEnvironment } from './environment.ts'
import { checkFailovers } from './failover.ts'
import { keyIn, type ReadKeyFile, readKeySection } from './key-section.ts'
import { readOtherwise, UNMATCHED } from './otherwise.ts'
import { Place } from './place.ts'
import { AT_THE_TOP, compileRules, type Rule, type RuleContext, type RuleList } from './rule.ts'
import { casesShell, fileShell } from './rule-file.ts'
import { type RuleProblem, sortProblems } from './rule-problem.ts'
import { type RuleFile, readSource } from './rule-source.ts'
import { type RuleTest, readTests } from './rule-test.ts'
import type { Ruleset, StudySection } from './ruleset.ts'
import { namesUnder, readList, readMap, readOnce, readShared, refuseVariables } from './sections.ts'
import { compileService } from './service.ts'
import { compileSource } from './source.ts'
import { studySchema, USUAL_STUDY } from './study-options.ts'
import { studyNamesOf } from './study-values.ts'
import { warningsOf } from './warnings.ts'

/** What the files need of the machine they are loaded on. */
export interface Surroundings {
  readonly environment: Environment
  readonly readKeyFile: ReadKeyFile
}

export interface Compiled {
  readonly ruleset: Omit<Ruleset, 'digest'>
  readonly tests: readonly RuleTest[]
  /** Empty: the ruleset is whole. */
  readonly problems: readonly RuleProblem[]
}

const CASES = /^[^/]+\/cases\//

/** Compiles the files in the order in which they are given; what is wrong with one hides nothing of another. */
export function compileFiles(files: readonly RuleFile[], { environment, readKeyFile }: Surroundings): Compiled {
  const problems: RuleProblem[] = []
  const places = files.flatMap((file) => {
    const read = readSource(file)
    problems.push(...read.problems)
    return read.source === undefined ? [] : [new Place(read.source, problems)]
  })
  const roots = places.filter((place) => !CASES.test(place.file))
  const cases = places.filter((place) => CASES.test(place.file))
  for (const place of roots) place.read(fileShell)
  for (const place of cases) place.read(casesShell)
  for (const place of roots) refuseVariables(place)
  const slots = new Slots()
  const lists = readShared(roots, 'lists', readList)
  const maps = readShared(roots, 'maps', readMap)
  const named = namesUnder(roots, 'destinations')
  const rules = compileAllRules(roots, {
    lists,
    maps,
    slots,
    keys: namesUnder(roots, 'keys'),
    destinations: named,
    services: new Map(
      roots.flatMap((root) => root.at('services').entries()).map(([name, at]) => [name, outlineCalls(at)]),
    ),
    names: new Map(),
  })
  const destinations = readShared(roots, 'destinations', (place, name) =>
    compileDestination(name, place, environment, { lists, slots }),
  )
  const callers = compileCallers(roots, environment)
  const ruleset: Compiled['ruleset'] = {
    ...callers,
    destinations,
    sources: readShared(roots, 'sources', (place, name) => compileSource(name, place, environment)),
    services: readShared(roots, 'services', (place, name) => compileService(name, place, environment, named)),
    rules,
    study: studySection(roots, rules),
    otherwise: readOnce(roots, 'otherwise', readOtherwise) ?? UNMATCHED,
    ...compileKeys(roots, readKeyFile),
    warnings: sortProblems(warningsOf(rules, destinations, callers.callers ?? [])),
  }
  checkFailovers(roots.flatMap((root) => root.at('destinations').entries()))
  const lookups = lookupsOf(rules)
  const tests = [...roots, ...cases].flatMap((place) =>
    readTests(place.at('tests'), { lists, destinations: named, lookups, wholeRuleset: cases.includes(place) }),
  )
  return { ruleset, tests, problems }
}

function compileAllRules(roots: readonly Place[], context: RuleContext): readonly Rule[] {
  const top: RuleList = {}
  return roots.flatMap((root) => compileRules(root.at('rules'), context, top, AT_THE_TOP))
}

function compileCallers(
  roots: readonly Place[],
  environment: Environment,
): Pick<Ruleset, 'callers' | 'callersNotConfigured'> {
  const callersNotConfigured: { name: string; unset: readonly string[] }[] = []
  const callers = readShared(roots, 'callers', (place, name): Caller | undefined => {
    checkName(name, place, 'caller')
    const filled = putEnvironment(place.value ?? '', environment)
    if (filled.unset.length > 0) {
      callersNotConfigured.push({ name, unset: filled.unset })
      return undefined
    }
    const options = place.withValue(filled.value).read(callerSchema)
    return options === undefined ? undefined : callerOf(options, name, place.file, place.position().line)
  })
  const declared = roots.some((root) => root.has('callers'))
  return { callers: declared ? [...callers.values()] : undefined, callersNotConfigured }
}

function compileKeys(roots: readonly Place[], readKeyFile: ReadKeyFile): Pick<Ruleset, 'keys' | 'keysNotConfigured'> {
  const keys = new Map<string, Uint8Array>()
  const keysNotConfigured: { name: string; file: string }[] = []
  for (const [name, file] of readShared(roots, 'keys', readKeySection)) {
    const key = keyIn(file, readKeyFile)
    if (key === undefined) keysNotConfigured.push({ name, file })
    else keys.set(name, key)
  }
  return { keys, keysNotConfigured }
}

function studySection(roots: readonly Place[], rules: readonly Rule[]): StudySection {
  const ofStudies = rules.filter((rule) => rule.on === 'study')
  return {
    options: readOnce(roots, 'study', (place) => place.read(studySchema)) ?? USUAL_STUDY,
    hasRules: ofStudies.length > 0,
    wants: ofStudies.some((rule) => rule.wants),
    names: studyNamesOf(ofStudies),
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
