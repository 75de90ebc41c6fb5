import { describe, expect, test } from '@jest/globals'
import { httpCallerAt, httpChangedAt, judgeCaller } from '../../src/rules/caller.ts'
import { loadRuleset } from '../../src/rules/load-ruleset.ts'
import { DESTINATIONS, fileOf, rulesetOf } from './support.ts'

const call = { callingAe: 'CT_IGD', calledAe: 'KURIR', peer: '10.20.1.1' }

test('until callers are declared only this machine may call', () => {
  const { callers } = rulesetOf('rules: []'.replace('[]', '[{ name: r, forward: [a] }]'))
  expect(callers).toBeUndefined()
  for (const peer of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']) {
    expect(judgeCaller(callers, { ...call, peer })).toEqual({ admitted: true, caller: null })
  }
  expect(judgeCaller(callers, call)).toEqual({
    admitted: false,
    reason: 'no callers are declared, so only this machine may call',
    remedy: 'ct_igd: { ae: "CT_IGD", from: "10.20.1.1/32" }',
  })
})

describe('declared callers', () => {
  const { callers } = rulesetOf(`
callers:
  ct: { ae: CT_IGD, from: 10.20.0.0/16, on_changed: refuse, accept: [JPEG2000Lossless, 1.2.840.10008.1.2.1] }
  any: { ae: "*", from: [10.30.4.0/24, "fd00::/8"], default_charset: ISO_IR 100 }
  everywhere: { ae: ROAMER }
`)

  test('are admitted by title and address, the first that fits', () => {
    const verdict = judgeCaller(callers, call)
    expect(verdict.admitted && verdict.caller).toMatchObject({
      name: 'ct',
      file: 'rules/10.yaml',
      line: 4,
      onChanged: 'refuse',
      accept: ['1.2.840.10008.1.2.4.90', '1.2.840.10008.1.2.1'],
    })
    const other = judgeCaller(callers, { ...call, callingAe: 'X', peer: 'fd00::7' })
    expect(other.admitted && other.caller).toMatchObject({
      name: 'any',
      onChanged: 'keep',
      defaultCharset: 'ISO_IR 100',
      accept: undefined,
    })
    expect(judgeCaller(callers, { ...call, callingAe: 'ROAMER', peer: '8.8.8.8' }).admitted).toBe(true)
  })

  test('are refused with the line that would admit them', () => {
    expect(judgeCaller(callers, { ...call, peer: '10.21.0.1' })).toEqual({
      admitted: false,
      reason: 'this AE title may not call from this address',
      remedy: 'ct_igd: { ae: "CT_IGD", from: "10.21.0.1/32" }',
    })
    expect(judgeCaller(callers, { ...call, callingAe: '"]', peer: '::9' })).toMatchObject({
      admitted: false,
      remedy: 'caller: { ae: "\\"]", from: "::9/128" }',
    })
    expect(judgeCaller(callers, { ...call, peer: 'not an address' }).admitted).toBe(false)
  })
})

describe('the environment', () => {
  const text = `version: 1
callers: { his: { ae: HIS, from: "\${HIS_NET}" } }
destinations:
  main: { dimse: { ae: "\${PACS}", calling_ae: "{calling_ae}", tls: { ca_file: /run/ca.pem } }, retry: { first: 5s } }
  local: { folder: { path: ./x } }
rules: [{ name: r, forward: [main, local] }]
`

  test('is put in where it may stand', () => {
    const loaded = loadRuleset([fileOf(text)], { PACS: 'MAIN@[fd00::1]:104', HIS_NET: '10.0.0.0/8' })
    const destination = 'ruleset' in loaded ? loaded.ruleset.destinations.get('main')?.destination : undefined
    expect(destination).toEqual({
      name: 'main',
      file: 'rules/10.yaml',
      line: 4,
      reach: {
        kind: 'dimse',
        dimse: {
          ae: { aeTitle: 'MAIN', host: 'fd00::1', port: 104 },
          callingAe: '{calling_ae}',
          associations: 2,
          transferSyntax: 'default',
          tls: { caFile: '/run/ca.pem', certFile: undefined, keyFile: undefined },
        },
      },
      retry: { first: 5_000, longest: 900_000, giveUpAfter: 604_800_000 },
      verify: undefined,
    })
  })

  test('takes down the destination or caller whose variable is not set, not the ruleset', () => {
    const loaded = loadRuleset([fileOf(text)], { PACS: '' })
    if ('problems' in loaded) throw new Error(JSON.stringify(loaded.problems))
    const { destinations, callers, callersNotConfigured } = loaded.ruleset
    expect(destinations.get('main')?.destination.reach).toEqual({ kind: 'not-configured', unset: ['PACS'] })
    expect(destinations.get('local')?.destination.reach.kind).toBe('folder')
    expect([callers, callersNotConfigured]).toEqual([[], [{ name: 'his', unset: ['HIS_NET'] }]])
  })

  test('with a value that does not fit is a problem where the variable stands', () => {
    const loaded = loadRuleset([fileOf(text)], { PACS: 'nonsense', HIS_NET: '10.0.0.0/8' })
    expect(loaded).toEqual({
      problems: [
        {
          file: 'rules/10.yaml',
          line: 4,
          column: 24,
          message: 'nonsense does not say who is where; write TITLE@host:port.',
        },
      ],
    })
  })
})

test('the digest follows names and contents, and nothing else', () => {
  const digest = (...files: readonly (readonly [string, string])[]): string => {
    const loaded = loadRuleset(
      files.map(([name, text]) => fileOf(text, name)),
      {},
    )
    return 'ruleset' in loaded ? loaded.ruleset.digest : ''
  }
  const [a, b] = [['rules/a.yaml', 'version: 1\n'] as const, ['rules/b.yaml', 'version: 1\n'] as const]
  expect(digest(a, b)).toMatch(/^[0-9a-f]{64}$/)
  expect(digest(a, b)).toBe(digest(b, a))
  expect(digest(a)).not.toBe(digest(b))
  expect(digest(a)).not.toBe(digest(['rules/a.yaml', 'version: 1\n\n']))
  expect(DESTINATIONS.name).toBe('rules/00.yaml')
})

describe('callers by HTTP', () => {
  const { callers } = rulesetOf(`
callers:
  his: { from: 10.1.0.5/32, http: [INTEGRATOR, VIEWER] }
  ct: { ae: CT_IGD, from: 10.20.0.0/16, expect: { instances_per_day: 1500, silent_after: 4h }, report_to: CT_IGD@10.20.1.1:104 }
  both: { ae: PACS, from: 10.1.0.0/16, http: [INGEST] }
`)

  test('are known by their address alone, the first that fits', () => {
    expect(httpCallerAt(callers, '10.1.0.5')).toEqual({ name: 'his', roles: ['INTEGRATOR', 'VIEWER'] })
    expect(httpCallerAt(callers, '::ffff:10.1.0.6')).toEqual({ name: 'both', roles: ['INGEST'] })
    expect(httpCallerAt(callers, '10.20.1.1')).toBeUndefined()
    expect(httpCallerAt(undefined, '127.0.0.1')).toBeUndefined()
  })

  test('are told what becomes of changed bytes by their entry for HTTP, else by whoever calls from their address', () => {
    const declared = rulesetOf(`
callers:
  anywhere: { ae: "*", on_changed: refuse }
  ct: { ae: CT_IGD, from: 10.20.0.0/16, on_changed: refuse }
  gateway: { from: 10.20.0.9/32, http: [INGEST] }
  app: { from: 10.1.0.5/32, http: [INGEST], on_changed: refuse }
`).callers
    const peers = ['10.20.0.1', '10.20.0.9', '10.1.0.5', '::ffff:10.1.0.5', '192.0.2.1', 'nonsense']
    expect(peers.map((peer) => httpChangedAt(declared, peer))).toEqual([
      'refuse',
      'keep',
      'refuse',
      'refuse',
      'keep',
      'keep',
    ])
    expect(httpChangedAt(undefined, '127.0.0.1')).toBe('keep')
  })

  test('open no association without an ae of their own', () => {
    expect(judgeCaller(callers, { callingAe: 'HIS', calledAe: 'KURIR', peer: '10.1.0.5' }).admitted).toBe(false)
    expect(judgeCaller(callers, { callingAe: 'PACS', calledAe: 'KURIR', peer: '10.1.0.5' }).admitted).toBe(true)
  })

  test('what is usual of a caller and where its reports go are read', () => {
    expect(callers?.find(({ name }) => name === 'ct')).toMatchObject({
      http: [],
      expect: { instancesPerDay: 1_500, silentAfter: 14_400_000 },
      reportTo: { aeTitle: 'CT_IGD', host: '10.20.1.1', port: 104 },
    })
  })
})
