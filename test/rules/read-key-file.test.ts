import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { decide } from '../../src/rules/decide.ts'
import { loadRuleset } from '../../src/rules/load-ruleset.ts'
import { readKeyFile } from '../../src/rules/read-key-file.ts'
import type { Ruleset } from '../../src/rules/ruleset.ts'
import { DESTINATIONS, factsFrom, fileOf } from './support.ts'

const load = (file: string): Ruleset => {
  const rules = `version: 1
keys: { study: { file: "${file}" } }
rules: [{ name: r, rewrite: [{ hash: { of: [PatientID], key: study, length: 16 } }], forward: [a] }, { name: s, forward: [b] }]
`
  const loaded = loadRuleset([DESTINATIONS, fileOf(rules)], {}, readKeyFile)
  if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems))
  return loaded.ruleset
}

test('a key is what its file holds, without the line end that editors leave; what cannot be used holds what needs it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kurir-key-'))
  try {
    const inside = (name: string): string => join(folder, name)
    await writeFile(inside('key'), 'sixteen bytes it is')
    await writeFile(inside('line'), 'sixteen bytes it is\r\n')
    await writeFile(inside('short'), 'secret\n')
    await writeFile(inside('long'), Buffer.alloc(5_000, 0x61))
    execFileSync('mkfifo', [inside('pipe')])
    const facts = factsFrom({ PatientID: '7' })
    const veiled = (name: string) => decide(load(inside(name)), facts).forwards[0]?.changes[0]?.after
    expect(veiled('key')).toMatch(/^[0-9a-f]{16}$/)
    expect(veiled('line')).toBe(veiled('key'))
    for (const name of ['short', 'long', 'pipe', 'missing', '.']) {
      const ruleset = load(inside(name))
      expect(ruleset.keysNotConfigured).toEqual([{ name: 'study', file: inside(name) }])
      const { forwards, holds } = decide(ruleset, facts)
      expect(forwards.map(({ destination }) => destination)).toEqual(['b'])
      expect(holds.map(({ reason }) => reason)).toEqual([expect.stringContaining('rewrite: ')])
    }
  } finally {
    await rm(folder, { recursive: true })
  }
})
