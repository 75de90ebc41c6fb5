import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from '@jest/globals'
import { decide, explain } from '../../src/rules/decide.ts'
import { decideStudy } from '../../src/rules/decide-study.ts'
import type { Ruleset } from '../../src/rules/ruleset.ts'
import { leastOfThree, processorMs } from '../support/processor-time.ts'
import { factsFrom, rulesetOf } from './support.ts'

// As random as a seed makes it: a pattern whose automaton has many states then meets all of them.
function randomText(letters: string, length: number): string {
  let seed = 7
  return Array.from({ length }, () => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff
    return letters[(seed >> 16) % letters.length]
  }).join('')
}

const LONGEST = 65_534
const VALUES = [
  'a'.repeat(LONGEST),
  randomText('ab', LONGEST),
  randomText('abx0 -', LONGEST),
  `a${' '.repeat(LONGEST - 2)}a`,
]
const NASTY = [
  '(a*)*b',
  '(a|aa)+$',
  '(.*a){20}',
  '([a-z]+)*[0-9]',
  '(?i)(x+x+)+y',
  '(a|b)*a(a|b){20}',
  '[ab]*a[ab]{80}',
  '(^|.)*a(.|$){50}',
  '(?:a.{1,60}b|b.{1,60}a)*',
  '(.*a.{50}|.*b.{40}c).*',
]

describe('64 KB against the nastiest pattern', () => {
  test.each(NASTY)('%s keeps the event loop free, in match and in replace', async (pattern) => {
    const match = rulesetOf(
      `rules: [{ name: r, match: { ImageComments: { matches: "${pattern}" } }, forward: [a] }, { name: s, match: { ImageComments: { not: { matches: "x${pattern}" } } }, forward: [b] }]`,
    )
    const replace = rulesetOf(
      `rules: [{ name: r, rewrite: [{ replace: { in: ImageComments, pattern: "${pattern}", with: x } }], forward: [a] }]`,
    )
    const rounds: (readonly [Ruleset, string])[] = VALUES.flatMap((value) => [
      [match, value] as const,
      [replace, value] as const,
    ])
    expect(await leastOfThree(MOST, () => longestTurn(rounds))).toBeLessThan(MOST)
  })
})

// Milliseconds of processor time: what a machine that is busy with other tests adds is not the pattern's. It is about 30;
// counting lines for the coverage makes it three times that.
const MOST = 150

/** The longest that one decision kept its thread busy. */
async function longestTurn(rounds: readonly (readonly [Ruleset, string])[]): Promise<number> {
  for (const [ruleset, value] of rounds) decide(ruleset, factsFrom({ ImageComments: value.slice(0, 200) }))
  let longest = 0
  for (const [ruleset, value] of rounds) {
    const facts = factsFrom({ ImageComments: value })
    await turn()
    const took = processorMs(() => decide(ruleset, facts))
    longest = Math.max(longest, took)
  }
  return longest
}

describe('a value that is too long for its pattern', () => {
  const rules = (pattern: string) => `
rules:
  - { name: before, forward: [b] }
  - { name: private, match: { ImageComments: { not: { matches: "${pattern}" } } }, stop: true, hold: a person looks }
  - { name: all, forward: [a] }`

  test('holds its instance whole: the rule might have stopped the others', () => {
    const { decision, steps } = explain(
      rulesetOf(rules('([a-z]+-?)*[0-9]x{9}')),
      factsFrom({ ImageComments: 'a'.repeat(60_000) }),
    )
    expect(decision.forwards).toEqual([])
    expect(decision.holds.map(({ rule, reason }) => [rule?.name, reason])).toEqual([
      ['private', 'match: ImageComments is too long for its pattern'],
    ])
    expect(steps.map(({ rule }) => rule.name)).toEqual(['before'])
  })

  test('is none for a pattern that looks for words', () => {
    const decision = decide(
      rulesetOf(rules('(?is).*(vip|very important|pejabat).*')),
      factsFrom({ ImageComments: `${'a '.repeat(30_000)}VIP` }),
    )
    expect(decision.forwards.map(({ destination }) => destination)).toEqual(['b', 'a'])
  })

  test('is none up to a thousand characters', () => {
    const decision = decide(
      rulesetOf(rules(`${'(a|b)?'.repeat(40)}x`)),
      factsFrom({ ImageComments: 'a'.repeat(1_024) }),
    )
    expect(decision.holds.map(({ reason }) => reason)).toEqual(['a person looks'])
  })

  test('holds its study, or the instance alone that only: asks', () => {
    const members = ['a'.repeat(60_000), 'short'].map((text, index) => ({
      id: `i${index + 1}`,
      facts: factsFrom({ ImageComments: text }),
      isNew: true,
      isHeld: false,
      isWanted: false,
    }))
    const study = { members, settledBy: 'quiet' } as const
    const whole = decideStudy(
      rulesetOf(
        'rules: [{ name: s, on: study, match: { ImageComments: { matches: "([a-z]+-?)*[0-9]x{9}" } }, forward: [a] }]',
      ),
      study,
    )
    expect(whole).toMatchObject({ forwards: [], holds: [{ rule: { name: 's' }, members: ['i1', 'i2'] }] })
    const one = decideStudy(
      rulesetOf(
        'rules: [{ name: s, on: study, forward: [{ to: a, only: { ImageComments: { matches: "([a-z]+-?)*x{9}|[a-z]*" } } }] }]',
      ),
      study,
    )
    expect(one.forwards[0]?.members.map(({ member }) => member)).toEqual(['i2'])
    expect(one.holds).toMatchObject([{ reason: 'only: ImageComments is too long for its pattern', members: ['i1'] }])
  })
})
