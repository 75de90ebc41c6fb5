import { access, mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { type SiteFolders, siteFolders } from '../support/app-in-process.ts'
import { commandLine } from './command-line.ts'

const RULES = `version: 1
destinations:
  outbox: { folder: { path: ./out, layout: "{SOPInstanceUID}.dcm" } }
  cloud: { dimse: { ae: "\${CLOUD_AE}" } }
callers:
  ct: { ae: "\${CT_TITLE}" }
rules: [ { name: everything, forward: [outbox] } ]
`

let site: SiteFolders

beforeEach(async () => {
  site = await siteFolders(RULES)
})
afterEach(async () => await site[Symbol.asyncDispose]())

test('help names every command; nothing and an unknown one are asked wrongly', async () => {
  const kurir = commandLine(site.environment)
  const help = await kurir.run('help')
  expect(help.code).toBe(0)
  for (const name of ['serve', 'check', 'explain', 'echo', 'send', 'status', 'token', 'settings']) {
    expect(help.printed.some((line) => line.startsWith(`  ${name}`))).toBe(true)
  }
  expect((await kurir.run('--help')).printed).toEqual(help.printed)
  expect((await kurir.run()).code).toBe(2)
  const unknown = await kurir.run('fly')
  expect([unknown.code, unknown.printed, unknown.complaints[0]]).toEqual([2, [], 'kurir fly: there is no such command'])
})

test.each(['serve', 'check', 'test', 'explain', 'shadow', 'echo', 'send', 'status', 'token', 'settings'])(
  '%s says what it takes when it is asked, and does nothing else',
  async (name) => {
    for (const asked of ['--help', '-h']) {
      expect(await commandLine(site.environment).run(name, asked)).toMatchObject({
        code: 0,
        printed: [expect.stringMatching(new RegExp(`^usage: kurir ${name}`)), expect.any(String)],
        complaints: [],
      })
    }
    await expect(access(site.dataDir)).rejects.toThrow('ENOENT')
  },
)

test.each([
  ['serve', 'now'],
  ['check', 'rules/other.yaml'],
  ['test', 'rules/other.yaml'],
  ['status', 'outbox'],
  ['settings', 'KURIR_DICOM_PORT'],
  ['token', 'list', 'mine'],
  ['check', '--rule', 'here'],
  ['settings', '--all'],
])('a word that %s does not take is asked wrongly, not passed over', async (...words) => {
  const { code, printed, complaints } = await commandLine(site.environment).run(...words)
  expect([code, printed, complaints.at(-1)]).toEqual([2, [], expect.stringMatching(`^usage: kurir ${words[0]}`)])
  expect(complaints[0]).not.toContain('positional argument starting')
})

test('settings that a start would refuse are shown, named, and exit code 1', async () => {
  const environment = { KURIR_DICOM_PORT: 'many', KURIR_AE_TITEL: 'ROUTER' }
  const { code, printed, complaints } = await commandLine(environment).run('settings')
  expect([code, complaints]).toEqual([
    1,
    [
      'KURIR_AE_TITEL is not a setting; "kurir settings" lists them all',
      'KURIR_DICOM_PORT must be a port from 0 (any free one) to 65535',
    ],
  ])
  expect(printed).toContainEqual(expect.stringMatching(/^\* KURIR_DICOM_PORT +many /))
})

test('settings shows every setting, with a star before what the environment says', async () => {
  const { code, printed } = await commandLine({ KURIR_AE_TITLE: 'ROUTER' }).run('settings')
  expect(code).toBe(0)
  expect(printed.find((line) => line.includes('KURIR_AE_TITLE'))).toMatch(
    /^\* KURIR_AE_TITLE +ROUTER +Our AE titles.*\]$/,
  )
  expect(printed.find((line) => line.includes('KURIR_DICOM_PORT'))).toMatch(/^ {2}KURIR_DICOM_PORT +11112 .*\[port\]$/)
})

test('a setting that cannot be and a name that is none are sentences', async () => {
  const { code, complaints } = await commandLine({ KURIR_DICOM_PORT: 'many', KURIR_PORT: '1' }).run('check')
  expect(code).toBe(1)
  expect(complaints.join('\n')).toMatch(/KURIR_PORT is not a setting.*KURIR_DICOM_PORT must be a port/s)
})

test('check counts what is good, and names what the environment leaves out', async () => {
  expect(await commandLine(site.environment).run('check')).toEqual({
    code: 0,
    printed: [
      '1 file, 1 rule, 2 destinations: no problem.',
      'destination cloud is not configured: CLOUD_AE not set.',
      'caller ct is not configured: CT_TITLE not set.',
    ],
    complaints: [],
    progress: [],
  })
})

test('check names sources, services and keys that would not work here, and looks at the folder it is told', async () => {
  const other = path.join(site.home, 'other')
  await mkdir(other)
  await writeFile(
    path.join(other, '00.yaml'),
    `version: 1
sources: { old: { dimse: { ae: "\${OLD_AE}" } } }
services: { his: { http: { url: "\${HIS_URL}" }, calls: { order: { get: "/o/{a}" } } } }
keys: { research: { file: ${path.join(other, 'none')} } }
rules: [ { name: everything, hold: look } ]
`,
  )
  expect(await commandLine({}).run('check', '--rules', other)).toEqual({
    code: 0,
    printed: [
      '1 file, 1 rule, 0 destinations: no problem.',
      'source old is not configured: OLD_AE not set.',
      'service his is not configured: HIS_URL not set.',
      'key research is not configured: its file cannot be used, and what needs it is held.',
    ],
    complaints: [],
    progress: [],
  })
})

test('check names every mistake with its place, in one column', async () => {
  await site.write({
    '00.yaml': RULES,
    '10.yaml': 'version: 1\nrules:\n  - name: a\n    match: { Modalty: CT }\n    forward: [outbx]\n',
  })
  const { code, printed, complaints } = await commandLine(site.environment).run('check')
  expect([code, printed]).toEqual([1, []])
  expect(complaints).toEqual([
    expect.stringMatching(/^rules\/10\.yaml:4:14 {2}Modalty is not a DICOM keyword\..*Modality/),
    expect.stringMatching(/^rules\/10\.yaml:5:15 {2}No destination outbx\..*outbox/),
    '2 problems; the rules in force stay in force.',
  ])
  await site.write({ '00.yaml': 'version: 2\n' })
  expect((await commandLine(site.environment).run('check')).complaints.at(-1)).toMatch(/^1 problem; /)
})
