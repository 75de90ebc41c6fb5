import { z } from 'zod'
import { variablesIn } from './environment.ts'
import { isRuleList, isRuleMap, type Place } from './place.ts'
import type { RulePath, RuleValue } from './yaml-tree.ts'

/** What stands under one key in all files, each name once. */
export function readShared<T>(
  roots: readonly Place[],
  section: string,
  read: (place: Place, name: string) => T | undefined,
): ReadonlyMap<string, T> {
  const first = new Map<string, string>()
  const values = new Map<string, T>()
  for (const [name, place] of roots.flatMap((root) => root.at(section).entries())) {
    const before = first.get(name)
    const { line } = place.source.position(place.path, true)
    if (before !== undefined) place.reportKey(`${name} stands under ${section} already, at ${before}.`)
    else first.set(name, `${place.file}:${line}`)
    const value = read(place, name)
    if (value !== undefined && before === undefined) values.set(name, value)
  }
  return values
}

/** What only one file may say; the first to say it counts. */
export function readOnce<T>(
  roots: readonly Place[],
  section: string,
  read: (place: Place) => T | undefined,
): T | undefined {
  const said = roots.filter((root) => root.has(section)).map((root) => root.at(section))
  const values = said.map(read)
  const [first, ...others] = said
  for (const place of others) {
    const { line } = first?.source.position(first.path, true) ?? { line: 1 }
    place.reportKey(`${section} is said already, at ${first?.file}:${line}; one file may say it.`)
  }
  return values[0]
}

/** The names under one key in all files: what has a mistake of its own is still there for those who name it. */
export const namesUnder = (roots: readonly Place[], section: string): ReadonlySet<string> =>
  new Set(roots.flatMap((root) => Object.keys(root.at(section).map() ?? {})))

const textList = z.array(z.string()).min(1)
const textMap = z.record(z.string(), z.string())

/** A list of `lists:`. */
export function readList(place: Place): ReadonlySet<string> | undefined {
  const texts = place.read(textList)
  return texts === undefined ? undefined : new Set(texts.map((text) => text.normalize('NFC')))
}

/** A map of `maps:`. */
export function readMap(place: Place): ReadonlyMap<string, string> | undefined {
  const texts = place.read(textMap)
  return texts === undefined
    ? undefined
    : new Map(Object.entries(texts).map(([from, to]) => [from.normalize('NFC'), to]))
}

const MAY_NAME_VARIABLES: ReadonlySet<string> = new Set(['callers', 'destinations', 'sources', 'services'])

/** RULES.md 3.13: rules mean the same on every machine. */
export function refuseVariables(root: Place): void {
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
