import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { judgeCaller } from '../../src/rules/caller.ts'
import { decide } from '../../src/rules/decide.ts'
import { loadRuleset, testRuleset } from '../../src/rules/load-ruleset.ts'
import { readRulesFolder } from '../../src/rules/read-rules-folder.ts'
import { factsFrom } from './support.ts'

test('the rules that ship load without any environment and send everything to the outbox', async () => {
  const read = await readRulesFolder('rules')
  if ('problems' in read) throw new Error(JSON.stringify(read.problems))
  expect(read.files.map((file) => file.name)).toEqual(['rules/00-callers.yaml', 'rules/10-outbox.yaml'])
  const loaded = loadRuleset(read.files, {})
  if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems))
  const decision = decide(loaded.ruleset, factsFrom({ Modality: 'XX' }))
  expect(decision.forwards.map((forward) => forward.destination)).toEqual(['outbox'])
  expect(decision.forwards[0]?.edits).toEqual([])
  const call = { callingAe: 'X', calledAe: 'KURIR' }
  expect(judgeCaller(loaded.ruleset.callers, { ...call, peer: '127.0.0.1' }).admitted).toBe(true)
  expect(judgeCaller(loaded.ruleset.callers, { ...call, peer: '::1' }).admitted).toBe(true)
  expect(judgeCaller(loaded.ruleset.callers, { ...call, peer: '10.0.0.1' }).admitted).toBe(false)
})

test('the first archive and the first caller are there for the taking away of the "#" and a name under forward', async () => {
  const read = await readRulesFolder('rules')
  if ('problems' in read) throw new Error(JSON.stringify(read.problems))
  const files = read.files.map(({ name, bytes }) => ({
    name,
    bytes: Buffer.from(
      Buffer.from(bytes)
        .toString()
        .replaceAll(/^ {2}# (ct_igd:| *(pacs_main|dimse|retry|verify):)/gm, '  $1')
        .replace(/forward: \[outbox\] +# (\[outbox, pacs_main\])/, 'forward: $1'),
    ),
  }))
  const loaded = loadRuleset(files, {})
  if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems))
  const decision = decide(loaded.ruleset, factsFrom({ Modality: 'CT' }))
  expect(decision.forwards.map((forward) => forward.destination)).toEqual(['outbox', 'pacs_main'])
  const call = { callingAe: 'CT_IGD', calledAe: 'KURIR', peer: '10.20.1.1' }
  expect(judgeCaller(loaded.ruleset.callers, call).admitted).toBe(true)
})

test('the examples load together, all their tests pass, and each rule has one', async () => {
  const read = await readRulesFolder('rules/examples')
  if ('problems' in read) throw new Error(JSON.stringify(read.problems))
  const tested = testRuleset(read.files, {})
  if ('problems' in tested) throw new Error(JSON.stringify(tested.problems))
  expect(tested.report).toEqual({ passed: 17, failures: [], untouched: [] })
  const broken = read.files.map((file) => ({
    ...file,
    bytes: Buffer.from(
      Buffer.from(file.bytes).toString().replace('in: StationName, using: rooms', 'in: StudyID, using: rooms'),
    ),
  }))
  const refused = loadRuleset(broken, {})
  expect('problems' in refused ? refused.problems : []).toEqual([
    {
      file: 'examples/10-archive.yaml',
      line: 42,
      column: 5,
      message:
        'The test "the theatre gets what the archive gets" fails: operating_theatre gets what is otherwise: StationName is not KAMAR OPERASI 1.',
    },
  ])
})

test('a folder is read in filename order with its cases, hidden and other files left out; what is unreadable is a problem', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kurir-rules-'))
  try {
    await mkdir(join(folder, 'rules', 'cases'), { recursive: true })
    await mkdir(join(folder, 'rules', 'examples'))
    for (const name of ['20.yml', '10.yaml', '.#10.yaml', 'README.md', 'cases/all.yaml', 'examples/x.yaml']) {
      await writeFile(join(folder, 'rules', name), 'version: 1\n')
    }
    const read = await readRulesFolder(join(folder, 'rules'))
    expect('files' in read && read.files.map((file) => file.name)).toEqual([
      'rules/10.yaml',
      'rules/20.yml',
      'rules/cases/all.yaml',
    ])
    await symlink('/nowhere', join(folder, 'rules', '30.yaml'))
    await mkdir(join(folder, 'rules', '40.yaml'))
    const refused = await readRulesFolder(join(folder, 'rules'))
    expect('problems' in refused && refused.problems.map((problem) => `${problem.file} ${problem.message}`)).toEqual([
      'rules/30.yaml The file cannot be read: it does not exist.',
      'rules/40.yaml The file cannot be read: it is not a file.',
    ])
    const missing = await readRulesFolder(join(folder, 'none'))
    expect('problems' in missing && missing.problems[0]?.message).toBe(
      `The rules folder ${join(folder, 'none')} cannot be read: it does not exist.`,
    )
  } finally {
    await rm(folder, { recursive: true })
  }
})
