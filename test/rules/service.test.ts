import { describe, expect, test } from '@jest/globals'
import { Place } from '../../src/rules/place.ts'
import { formatProblem, type RuleProblem, sortProblems } from '../../src/rules/rule-problem.ts'
import { readSource } from '../../src/rules/rule-source.ts'
import { compileService, type Service, serviceSchema } from '../../src/rules/service.ts'
import { fileOf } from './support.ts'

function compile(text: string, environment: Readonly<Record<string, string>> = {}) {
  const { source, problems: syntax } = readSource(fileOf(text))
  if (source === undefined) throw new Error(syntax.map(formatProblem).join('\n'))
  const problems: RuleProblem[] = []
  const services = new Place(source, problems)
    .at('services')
    .entries()
    .map(([name, place]) => compileService(name, place, environment, new Set(['satusehat', 'archive'])))
  return { service: services[0], problems: sortProblems(problems).map(formatProblem) }
}

function serviceOf(text: string, environment: Readonly<Record<string, string>> = {}): Service {
  const { service, problems } = compile(text, environment)
  if (service === undefined || problems.length > 0) throw new Error(problems.join('\n'))
  return service
}

const HIS = `services:
  his:
    http: { url: "\${HIS_URL}", bearer_file: /run/his-token }
    calls:
      order:
        get: "/orders/{accession}?from={{x}}&site={site}"
        headers: { X-Trace: "study {uid}" }
        keep: { patient_id: /data/patient/mrn, ward: /data/ward, whole: "" }
      arrived:
        post: /studies
        body: { accession: "{accession}", list: ["{uid}", fixed], deep: { n: "{images}" } }
        accept: [200, 201]
        already: [406, 409]
        timeout: 2s
`

test('a service is read with its calls, its usual limits and its variables', () => {
  const his = serviceOf(HIS, { HIS_URL: 'http://10.1.0.5:8080/api' })
  expect(his).toMatchObject({
    name: 'his',
    file: 'rules/10.yaml',
    line: 3,
    retry: { first: 5_000, longest: 300_000, giveUpAfter: 172_800_000 },
    reach: {
      kind: 'http',
      http: {
        url: 'http://10.1.0.5:8080/api',
        credentials: { kind: 'bearer', tokenFile: '/run/his-token' },
        timeout: 5_000,
        atOnce: 8,
        addresses: [],
      },
    },
  })
  expect(his.calls.get('order')).toEqual({
    name: 'order',
    method: 'GET',
    path: ['/orders/', { argument: 'accession' }, '?from={x}&site=', { argument: 'site' }],
    headers: [{ name: 'X-Trace', value: ['study ', { argument: 'uid' }] }],
    body: undefined,
    timeout: undefined,
    found: [200],
    missing: [404],
    accept: undefined,
    already: [],
    keep: [
      { field: 'patient_id', pointer: '/data/patient/mrn' },
      { field: 'ward', pointer: '/data/ward' },
      { field: 'whole', pointer: '' },
    ],
    arguments: ['accession', 'site', 'uid'],
  })
  expect(his.calls.get('arrived')).toMatchObject({
    method: 'POST',
    accept: [200, 201],
    already: [406, 409],
    timeout: 2_000,
    arguments: ['accession', 'uid', 'images'],
    body: { kind: 'json', json: { kind: 'map' } },
  })
})

test('a service whose variable is not set is known with its calls, and not configured', () => {
  const his = serviceOf(HIS, { HIS_URL: '' })
  expect(his.reach).toEqual({ kind: 'not-configured', unset: ['HIS_URL'] })
  expect([...his.calls.keys()]).toEqual(['order', 'arrived'])
})

test('a variable may stand in a call too', () => {
  const text = `services: { a: { http: { url: http://h }, calls: { b: { get: "/\${SITE}/{x}" } } } }`
  expect(serviceOf(text, { SITE: 'rs1' }).calls.get('b')?.path).toEqual(['/rs1/', { argument: 'x' }])
  expect(serviceOf(text).reach).toEqual({ kind: 'not-configured', unset: ['SITE'] })
  expect(serviceOf(text).calls.get('b')?.arguments).toEqual(['x'])
})

test('every option of http is read', () => {
  const text = `services:
  his:
    http:
      url: https://his.rs.local/v1/
      oauth2:
        token_url: https://sso.rs.local/token?grant_type=client_credentials
        client_id_file: /run/id
        client_secret_file: /run/secret
        scope: orders.read
        client_auth: header
      timeout: 750ms
      retry: { first: 1s, longest: 30s, give_up_after: 4h }
      tls: { ca_file: /run/ca.pem, cert_file: /run/c.pem, key_file: /run/k.pem }
      proxy: http://proxy.rs.local:3128
      headers: { X-Site: rs1 }
      addresses: [10.1.0.0/16, "fd00::/8"]
      at_once: 2
      per_second: 5
`
  const his = serviceOf(text)
  expect([his.retry, his.reach]).toEqual([
    { first: 1_000, longest: 30_000, giveUpAfter: 14_400_000 },
    {
      kind: 'http',
      http: {
        url: 'https://his.rs.local/v1/',
        credentials: {
          kind: 'oauth2',
          tokenUrl: 'https://sso.rs.local/token?grant_type=client_credentials',
          clientIdFile: '/run/id',
          clientSecretFile: '/run/secret',
          scope: 'orders.read',
          clientAuth: 'header',
        },
        timeout: 750,
        tls: { caFile: '/run/ca.pem', certFile: '/run/c.pem', keyFile: '/run/k.pem' },
        proxy: 'http://proxy.rs.local:3128',
        headers: [{ name: 'X-Site', value: 'rs1' }],
        addresses: ['10.1.0.0/16', 'fd00::/8'],
        atOnce: 2,
        perSecond: 5,
      },
    },
  ])
})

test('SATUSEHAT is a service with one call that is known', () => {
  const { reach, calls } = serviceOf('services: { ihs: { satusehat: { same_as: destinations.satusehat } } }')
  expect(reach).toEqual({ kind: 'satusehat', sameAs: 'satusehat' })
  expect(calls.get('service_request')).toMatchObject({
    arguments: ['accession'],
    keep: [{ field: 'id' }, { field: 'patient_id' }, { field: 'status' }],
  })
})

const inHttp = (http: string): string => `services: { his: { http: { url: http://h, ${http} } } }`
const inCall = (call: string): string => `services: { his: { http: { url: http://h }, calls: { c: { ${call} } } } }`

describe('a mistake is told with its place:', () => {
  test.each([
    ['services: { his: {} }', '1:13 A service says how it is reached: http or satusehat.'],
    [
      'services: { His: { http: { url: http://h } } }',
      '1:13 His cannot name a service: small letters, digits and underscores, at most 63, a letter first.',
    ],
    [
      'services: { his: { http: { url: http://h }, satusehat: { same_as: destinations.satusehat } } }',
      '1:45 A service is of one kind; here are http and satusehat.',
    ],
    ['services: { his: { htp: {} } }', '1:20 Unknown key htp. Did you mean http?'],
    [
      'services: { s: { satusehat: { same_as: satusehat } } }',
      '1:40 satusehat does not name a destination; write destinations.satusehat.',
    ],
    [
      'services: { s: { satusehat: { same_as: destinations.satushat } } }',
      '1:40 No destination satushat. Did you mean satusehat?',
    ],
    [
      'services: { s: { satusehat: { same_as: destinations.archive }, calls: { a: { get: /x } } } }',
      '1:64 The calls of SATUSEHAT are known already.',
    ],
    ['services: { his: { http: {} } }', '1:26 url is missing here.'],
    [
      'services: { his: { http: { url: his.local } } }',
      '1:33 This is not an address of the web; write https://host or https://host/path.',
    ],
    [
      'services: { his: { http: { url: file:///etc/passwd } } }',
      '1:33 This is not an address of the web; write https://host or https://host/path.',
    ],
    [
      'services: { his: { http: { url: "http://me:secret@h" } } }',
      '1:33 A name or password in an address would be shown; write basic: with a password_file.',
    ],
    [
      'services: { his: { http: { url: "http://h?x=1" } } }',
      '1:33 The address of a service ends with its path; what follows belongs to its calls.',
    ],
    [
      inHttp('bearer: secret'),
      '1:43 Unknown key bearer. There are: url, bearer_file, basic, api_key, oauth2, timeout, retry, tls, proxy, headers, addresses, at_once, per_second.',
    ],
    [
      inHttp('bearer_file: a, basic: { username: u, password_file: p }'),
      '1:59 Credentials are of one kind: bearer_file, basic, api_key, oauth2.',
    ],
    [inHttp('basic: { username: "a:b", password_file: p }'), '1:62 A user name has no colon.'],
    [
      inHttp('api_key: { header: Authorization, file: k }'),
      '1:62 Secrets stand in files: write bearer_file, basic, api_key or oauth2 instead of an Authorization header.',
    ],
    [inHttp('headers: { "X Y": a }'), '1:54 X Y cannot name a header.'],
    [inHttp('headers: { X-A: "é" }'), '1:59 A header holds printable ASCII characters in one line.'],
    [
      inHttp('proxy: "socks5://p:1"'),
      '1:50 This is not an address of the web; write https://host or https://host/path.',
    ],
    [inHttp('proxy: "https://p:1"'), '1:50 A proxy is written http://host:port.'],
    [inHttp('addresses: [10.0.0.0/40]'), '1:55 10.0.0.0/40 is not an address range; write 10.20.0.0/16 or fd00::/8.'],
    [inHttp('at_once: 0'), '1:52 0 cannot stand here; at_once is a number from 1 to 64.'],
    [inHttp('tls: { cert_file: a }'), '1:48 cert_file and key_file go together.'],
    [inHttp('retry: { first: 1h, longest: 1m }'), '1:50 first cannot be more than longest.'],
    [inCall(''), '1:54 A call says how it asks or tells: get, post, put, patch, delete.'],
    [inCall('get: /a, post: /b'), '1:68 A call is one request; here are get and post.'],
    [inCall('get: a'), '1:64 A path begins with one / and stands behind the url of the service.'],
    [inCall('get: "http://elsewhere/"'), '1:64 A path begins with one / and stands behind the url of the service.'],
    [inCall('get: //elsewhere/x'), '1:64 A path begins with one / and stands behind the url of the service.'],
    [inCall('get: "{x}/a"'), '1:64 A path begins with one / and stands behind the url of the service.'],
    [inCall('get: /a/../b'), '1:64 A path cannot lead upwards (..).'],
    [inCall('get: /a/%2E%2e/b'), '1:64 A path cannot lead upwards (..).'],
    [
      inCall('get: "/a b"'),
      '1:64 A path holds neither spaces, # nor \\, and nothing but ASCII; write them as %20 and so on.',
    ],
    [
      inCall('get: "/a#b"'),
      '1:64 A path holds neither spaces, # nor \\, and nothing but ASCII; write them as %20 and so on.',
    ],
    [
      inCall('get: "/{AccessionNumber}"'),
      '1:64 A call knows no attributes; name an argument in small letters here, and give it AccessionNumber under with: in the rule.',
    ],
    [
      inCall('get: "/{a-b}"'),
      '1:64 a-b cannot name an argument: small letters, digits and underscores, a letter first.',
    ],
    [inCall('get: "/{a"'), '1:64 A brace has no partner; a brace itself is written twice.'],
    [inCall('get: /a, found: [200, 404]'), '1:75 404 cannot be both found and missing.'],
    [inCall('get: /a, found: [ok]'), '1:76 ok is not an HTTP status; write 200 or 404.'],
    [inCall('get: /a, body: { a: b }'), '1:68 body has no meaning here: get asks; it tells nothing.'],
    [inCall('get: /a, already: [409]'), '1:68 already has no meaning here: get asks; it tells nothing.'],
    [inCall('post: /a, keep: [x]'), '1:69 keep has no meaning here: post tells; only get asks.'],
    [inCall('post: /a, accept: [200], already: [200]'), '1:93 200 cannot be both accept and already.'],
    [inCall('post: /a, body: a, form: { a: b }'), '1:78 A call has a body or a form, not both.'],
    [
      inCall('post: /a, body: [ { a: "{B}" } ]'),
      '1:82 A call knows no attributes; name an argument in small letters here, and give it B under with: in the rule.',
    ],
    [inCall('post: /a, form: { a: "{" }'), '1:80 A brace has no partner; a brace itself is written twice.'],
    [inCall('post: /a, headers: { Host: x }'), '1:80 Host is written by Kurir itself.'],
    [
      inCall('get: /a, keep: { x: data.mrn }'),
      '1:79 data.mrn is not a JSON Pointer; write /data/patient/mrn (RFC 6901).',
    ],
    [inCall('get: /a, keep: { x: /a~2 }'), '1:79 /a~2 is not a JSON Pointer; write /data/patient/mrn (RFC 6901).'],
    [
      inCall('get: /a, keep: [PatientId]'),
      '1:75 PatientId cannot name a field; write { patient_id: /PatientId } with a name in small letters.',
    ],
    [inCall('get: /a, keep: [found]'), '1:75 found is always there; it needs no keeping.'],
  ])('%s', (text, message) => {
    expect(compile(text).problems).toEqual([`rules/10.yaml:${message}`])
  })

  test('several in one service are told at once', () => {
    const text = `services:
  his:
    http: { url: his, at_once: x }
    calls:
      a: { get: b }
      b: { post: /b, keep: [c] }
`
    expect(compile(text).problems.map((problem) => problem.slice('rules/10.yaml:'.length).split(' ')[0])).toEqual([
      '3:18',
      '3:32',
      '5:17',
      '6:22',
    ])
  })
})

test('the schema for editors knows a service', () => {
  expect(serviceSchema.safeParse({ http: { url: 'http://h' }, calls: { a: { get: '/x' } } }).success).toBe(true)
  expect(serviceSchema.safeParse({ http: { url: 'http://h', nonsense: 'x' } }).success).toBe(false)
})
