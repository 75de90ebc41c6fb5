import { z } from 'zod'
import { tagOf } from '../dicom/attribute-path.ts'
import type { Answer, Facts } from './facts.ts'
import { factsOf } from './given.ts'
import { isRuleList, isRuleMap, type Place } from './place.ts'
import { SETTLED_BY, type SettledBy, type StudyFacts } from './study-decision.ts'
import { didYouMean } from './suggestion.ts'
import type { RuleValue } from './yaml-tree.ts'

/** What the services of a test say, by alias. */
export type GivenLookups = ReadonlyMap<string, Answer>

/** The lookups of all rules, with what their answers may say. */
export type KnownLookups = ReadonlyMap<string, ReadonlySet<string>>

/** What a test gives. */
export interface GivenFacts {
  readonly about: { readonly instance: Facts } | { readonly study: StudyFacts }
  readonly lookups: GivenLookups
}

const values = z.union([z.string(), z.array(z.string())])
const answer = z.record(z.string(), z.string())
export const givenSchema = z
  .object({
    study: z
      .array(z.record(z.string(), values))
      .min(1)
      .optional()
      .describe('The instances of a study at its moment; what stands beside it holds for each of them.'),
    lookups: z
      .record(z.string(), answer)
      .optional()
      .describe('What each lookup is answered, by its alias: found: true (unless said otherwise) and its fields.'),
  })
  .catchall(values)
  .describe('The instance: names with their values. What is not said is usual.')
const shell = z.object({ study: z.unknown().optional(), lookups: z.unknown().optional() }).catchall(values)
const instancesSchema = z.array(z.record(z.string(), values)).min(1)
const lookupsSchema = z.record(z.string(), z.unknown())

/** What stands under `given`; undefined after reporting what is wrong with it. */
export function readGiven(place: Place, known: KnownLookups): GivenFacts | undefined {
  if (place.value === undefined || place.read(shell) === undefined) return undefined
  const lookups = readLookups(place.at('lookups'), known)
  const shared = Object.fromEntries(place.entries().filter(([name]) => name !== 'study' && name !== 'lookups'))
  if (place.has('study')) {
    const study = readStudy(place.at('study'), shared)
    return study === undefined || lookups === undefined ? undefined : { about: { study }, lookups }
  }
  const instance = readFacts(shared)
  return instance === undefined || lookups === undefined ? undefined : { about: { instance }, lookups }
}

type Named = Readonly<Record<string, Place>>

function readFacts(named: Named): Facts | undefined {
  const facts = factsOf(new Map(Object.entries(named).map(([name, place]) => [name, textsOf(place.value ?? '')])))
  if (!('problems' in facts)) return facts
  for (const [name, problem] of facts.problems) named[name]?.reportKey(problem)
  return undefined
}

const textsOf = (value: RuleValue): readonly string[] =>
  isRuleList(value) ? value.filter((item) => typeof item === 'string') : isRuleMap(value) ? [] : [value]

const SOP_INSTANCE_UID = tagOf(0x0008, 0x0018)

function readStudy(place: Place, beside: Named): StudyFacts | undefined {
  if (place.read(instancesSchema) === undefined) return undefined
  const { settled_by, instance_count, series_count, modalities, ...shared } = beside
  const instances = place.items().map((item) => readFacts({ ...shared, ...Object.fromEntries(item.entries()) }))
  const settledBy = settled_by === undefined ? 'quiet' : readSettledBy(settled_by)
  const instanceCount = readCount(instance_count)
  const seriesCount = readCount(series_count)
  if (!instances.every((facts) => facts !== undefined) || settledBy === undefined) return undefined
  const members = instances.map((facts, index) => ({
    id: String(index + 1),
    facts: facts.header.has([{ tag: SOP_INSTANCE_UID }])
      ? facts
      : { ...facts, sopInstanceUid: `${facts.sopInstanceUid}.${index + 1}` },
    isNew: true,
    isHeld: false,
    isWanted: false,
  }))
  return {
    members,
    settledBy,
    ...(instanceCount === undefined ? {} : { instanceCount }),
    ...(seriesCount === undefined ? {} : { seriesCount }),
    ...(modalities === undefined ? {} : { modalities: textsOf(modalities.value ?? '') }),
  }
}

function readSettledBy(place: Place): SettledBy | undefined {
  const word = SETTLED_BY.find((known) => known === place.text())
  return word ?? place.report(`A study is settled by one of ${SETTLED_BY.join(', ')}.`)
}

function readCount(place: Place | undefined): number | undefined {
  if (place === undefined) return undefined
  const text = place.text() ?? ''
  return /^\d{1,9}$/.test(text) ? Number(text) : place.report(`${text} is not a whole number.`)
}

function readLookups(place: Place, known: KnownLookups): GivenLookups | undefined {
  if (place.value === undefined) return new Map()
  if (place.read(lookupsSchema) === undefined) return undefined
  const lookups = new Map<string, Answer>()
  for (const [alias, inner] of place.entries()) {
    const fields = known.get(alias)
    if (fields === undefined) inner.reportKey(`No rule has a lookup ${alias}.${didYouMean(alias, known.keys())}`)
    const said = inner.read(answer)
    if (said === undefined) continue
    const { found = 'true', ...rest } = said
    if (found !== 'true' && found !== 'false') inner.at('found').report(`found is true or false, not ${found}.`)
    for (const name of Object.keys(rest)) {
      if (fields !== undefined && !fields.has(name))
        inner.at(name).reportKey(`The answer ${alias} has no ${name}.${didYouMean(name, fields)}`)
    }
    lookups.set(alias, { found: found === 'true', fields: rest })
  }
  return lookups
}
