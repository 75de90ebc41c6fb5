import { describe, expect, test } from '@jest/globals'
import { heldTowards } from '../../src/rules/destinations.ts'
import { rulesetOf } from './support.ts'

const { destinations, warnings } = rulesetOf(`
destinations:
  main: { dimse: { ae: MAIN@10.0.0.1:104 }, failover: standby }
  standby: { dimse: { ae: STANDBY@10.0.0.2:104 } }
  strict: { dimse: { ae: STRICT@10.0.0.3:104 }, commit: required }
  ministry: { satusehat: { base_url: "https://api.example/", organization: "10000004", client_id_file: /run/id, client_secret_file: /run/secret, timezone: asia/jakarta } }
  web: { http: { url: "https://web.example/in", method: put, token_file: /run/token } }
  elsewhere: { http: { url: "\${ELSEWHERE}" } }
rules: [{ name: r, forward: [main, strict, ministry, web] }]
`)
const of = (name: string) => destinations.get(name)?.destination

describe('kinds of destination', () => {
  test('satusehat is reached by client credentials that stand in files', () => {
    expect(of('ministry')?.reach).toMatchObject({
      kind: 'satusehat',
      satusehat: {
        organization: '10000004',
        timezone: 'Asia/Jakarta',
        reach: {
          url: 'https://api.example/',
          credentials: {
            kind: 'oauth2',
            tokenUrl: 'https://api.example/oauth2/v1/accesstoken?grant_type=client_credentials',
            clientIdFile: '/run/id',
            clientSecretFile: '/run/secret',
          },
        },
      },
    })
  })

  test('http is given each instance by a request of its own', () => {
    expect(of('web')?.reach).toMatchObject({
      kind: 'http',
      http: { method: 'PUT', reach: { url: 'https://web.example/in', credentials: { tokenFile: '/run/token' } } },
    })
    expect(of('elsewhere')?.reach).toEqual({ kind: 'not-configured', unset: ['ELSEWHERE'] })
  })

  test('failover and commitment are read', () => {
    expect([of('main')?.failover, of('strict')?.commit, of('standby')?.failover]).toEqual([
      'standby',
      'required',
      undefined,
    ])
  })
})

test('what this version cannot carry out is held with a reason that names it, and check says so', () => {
  expect(['main', 'strict', 'ministry', 'web', 'gone'].map((name) => heldTowards(destinations, name))).toEqual([
    null,
    'not-configured: this version cannot ask for storage commitment yet',
    'not-configured: this version cannot send to satusehat yet',
    'not-configured: this version cannot send to http yet',
    'destination gone',
  ])
  expect(warnings.map(({ line, message }) => `${line}: ${message}`)).toEqual([
    '4: This version does not carry out failover yet: what goes to main waits for it and not for standby.',
    '6: What goes to strict is held: this version cannot ask for storage commitment yet.',
    '7: What goes to ministry is held: this version cannot send to satusehat yet.',
    '8: What goes to web is held: this version cannot send to http yet.',
    '9: What goes to elsewhere is held: this version cannot send to http yet.',
  ])
})
