import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { CallOutcome } from '../../src/services/call.ts'
import { HisDouble, type HisStep } from '../support/his-double.ts'
import { ServicesAtWork, servicesOf } from './service-fixture.ts'

let stack: AsyncDisposableStack
let his: HisDouble
const ACC = { accession: 'RS000123' }

beforeEach(async () => {
  stack = new AsyncDisposableStack()
  his = stack.use(await HisDouble.open())
  his.orders.set('RS000123', { mrn: '00-12-34', name: 'SARI^DEWI', ward: 'ICU' })
})
afterEach(async () => await stack.disposeAsync())

const atWork = (http = ''): ServicesAtWork => stack.use(new ServicesAtWork(servicesOf(`url: "${his.url}", ${http}`)))

const reasonOf = (outcome: CallOutcome): string =>
  outcome.kind === 'again'
    ? `again ${outcome.scope} ${outcome.status}: ${outcome.reason}`
    : outcome.kind === 'refused'
      ? `refused ${outcome.status}: ${outcome.reason}`
      : `${outcome.kind} ${outcome.status}`

describe('what is asked', () => {
  test('is found with the fields that are kept, or missing', async () => {
    const { services } = atWork()
    const ask = (accession: string) =>
      services.ask({ service: 'his', call: 'order', arguments: { accession } }, new AbortController().signal)
    expect(await ask('RS000123')).toEqual({
      kind: 'found',
      fields: { patient_id: '00-12-34', patient_name: 'SARI^DEWI', ward: 'ICU' },
      notes: [],
      status: 200,
    })
    expect(await ask('RS999')).toEqual({ kind: 'missing', status: 404 })
  })

  test('at the same moment and alike is one request; one who leaves takes nobody along', async () => {
    const work = atWork()
    const leaves = new AbortController()
    const gone = work.ask('order', ACC, leaves.signal)
    const all = [work.ask('order', ACC), work.ask('order', ACC), work.ask('order', { accession: 'OTHER' })]
    leaves.abort(new Error('gone'))
    await expect(gone).rejects.toThrow('gone')
    expect((await Promise.all(all)).map(({ kind }) => kind)).toEqual(['found', 'found', 'missing'])
    expect(his.count()).toBe(2)
    await work.ask('order', ACC)
    expect(his.count()).toBe(3)
  })

  test('by nobody any more is given up', async () => {
    his.always('*', { kind: 'stall' })
    const work = atWork()
    const leaves = new AbortController()
    const gone = work.ask('order', ACC, leaves.signal)
    await his.until(1)
    leaves.abort(new Error('gone'))
    await expect(gone).rejects.toThrow('gone')
    his.always('*')
    expect((await work.ask('order', ACC)).kind).toBe('found')
  })

  test.each<[string, HisStep, string]>([
    ['500', { kind: 'answer', status: 500 }, 'again call 500: answered 500'],
    ['502', { kind: 'html', status: 502 }, 'again service 502: answered 502'],
    ['400', { kind: 'answer', status: 400, body: 'bad' }, 'again call 400: answered 400'],
    ['401', { kind: 'answer', status: 401 }, 'again service 401: answered 401: our credentials are not taken'],
    ['a web page', { kind: 'html' }, 'again call 200: answered 200 with a web page'],
    [
      'text',
      { kind: 'answer', status: 200, body: 'OK' },
      'again call 200: answered 200 with something that is not JSON',
    ],
    [
      'half a document',
      { kind: 'truncated', whole: true },
      'again call 200: answered 200 with something that is not JSON',
    ],
    ['half an answer', { kind: 'truncated' }, 'again call null: the connection ended before the answer was whole'],
    ['10 MB', { kind: 'huge' }, 'again call null: the answer is larger than is read'],
    [
      'a redirect',
      { kind: 'redirect', to: 'http://elsewhere.invalid/' },
      'again call 302: answered 302, which leads elsewhere',
    ],
    [
      'a redirect to metadata',
      { kind: 'redirect', to: 'http://169.254.169.254/latest' },
      'again call 302: answered 302, which leads elsewhere',
    ],
    ['429', { kind: 'busy' }, 'again service 429: answered 429: too many requests'],
    [
      'an error of FHIR',
      { kind: 'answer', status: 200, body: { resourceType: 'OperationOutcome', issue: { severity: 'error' } } },
      'again call 200: answered 200 with an OperationOutcome of an error',
    ],
  ])('and answered by %s has no answer', async (_name, step, expected) => {
    his.always('*', step)
    expect(reasonOf(await atWork().ask('order', ACC))).toBe(expected)
  })

  test('and reset is asked once more, as it only reads', async () => {
    his.next('*', { kind: 'reset-before' })
    expect((await atWork().ask('order', ACC)).kind).toBe('found')
    expect(his.count()).toBe(2)
  })

  test('and never answered ends with the time limit', async () => {
    const work = atWork('timeout: 2s')
    for (const step of [{ kind: 'stall' }, { kind: 'drip', everyMs: 10 }] as const) {
      his.next('*', step)
      const asking = work.ask('order', ACC)
      await his.until(his.count() + 1)
      await work.clock.advance(2_000)
      expect(reasonOf(await asking)).toBe('again call null: no answer within the time limit')
    }
  })

  test('leads within the service where that says so', async () => {
    his.next('*', { kind: 'redirect', to: '/orders/RS000123?moved', status: 301 })
    expect((await atWork().ask('order', { accession: 'old' })).kind).toBe('found')
  })
})

describe('what is told', () => {
  test('is accepted, and a second time known already', async () => {
    const work = atWork()
    expect(await work.tell('arrived', ACC)).toEqual({ kind: 'accepted', status: 201 })
    expect(await work.tell('arrived', ACC)).toEqual({
      kind: 'already',
      status: 406,
      note: 'ERR: Accession No. RS000123 sudah ada ke table `pacs_order_mwl`!',
    })
  })

  test('and lost with its answer takes effect once, however often it is told', async () => {
    his.next('*', { kind: 'reset-before' }, { kind: 'reset-after' })
    const work = atWork()
    const outcomes = [await work.tell('arrived', ACC), await work.tell('arrived', ACC), await work.tell('arrived', ACC)]
    const ended = 'again call null: the connection ended before the answer was whole'
    expect(outcomes.map(reasonOf)).toEqual([ended, ended, 'already 406'])
    expect([his.count(), his.arrived.get('RS000123')]).toEqual([3, 1])
  })

  test.each<[string, HisStep, string]>([
    ['400', { kind: 'answer', status: 400, body: 'CANARY' }, 'refused 400: answered 400'],
    ['404', { kind: 'answer', status: 404 }, 'refused 404: answered 404'],
    ['204', { kind: 'answer', status: 204 }, 'refused 204: answered 204, which accept does not name'],
    ['408', { kind: 'answer', status: 408 }, 'again call 408: answered 408'],
    ['500', { kind: 'answer', status: 500 }, 'again call 500: answered 500'],
    ['503', { kind: 'answer', status: 503 }, 'again service 503: answered 503'],
    ['a web page', { kind: 'html' }, 'again call 200: answered 200 with a web page'],
    ['a redirect', { kind: 'redirect', to: '/elsewhere' }, 'again call 302: answered 302, which leads elsewhere'],
  ])('and answered by %s', async (_name, step, expected) => {
    his.always('*', step)
    expect(reasonOf(await atWork().tell('arrived', ACC))).toBe(expected)
    expect(his.count()).toBe(1)
  })

  test('without accept is taken by any 2xx', async () => {
    his.next('*', { kind: 'answer', status: 202 }, { kind: 'answer', status: 204 }, { kind: 'answer', status: 406 })
    const work = atWork()
    const tell = async () => reasonOf(await work.tell('plain', { ...ACC, x: 'a&b' }))
    expect([await tell(), await tell(), await tell()]).toEqual([
      'accepted 202',
      'accepted 204',
      'refused 406: answered 406',
    ])
    expect(his.received[0]).toMatchObject({ path: '/studies?x=a%26b', body: 'accession=RS000123' })
  })
})

describe('a value that cannot be written where it stands', () => {
  test.each([
    [{}, 'the argument accession is not given'],
    [{ accession: '' }, 'the argument accession is empty'],
    [{ accession: '..' }, 'the argument accession would lead to another path'],
    [{ accession: '../admin' }, 'the argument accession would lead to another path'],
    [{ accession: 'a\r\nb' }, 'the argument accession holds control characters'],
    [{ accession: 'x'.repeat(9_000) }, 'the address is longer than 8000 characters'],
  ])('%j is refused and nothing is asked', async (values, reason) => {
    const outcome = await atWork().ask('order', values as Record<string, string>)
    expect(outcome).toEqual({ kind: 'refused', status: null, reason })
    expect(his.connections).toBe(0)
  })
})

describe('a service that fails as a whole', () => {
  test('rests after three failures in a row, is asked nothing meanwhile, and is noticed when it returns', async () => {
    await his.down()
    const work = atWork()
    for (const accession of ['1', '2']) {
      expect(await work.ask('order', { accession })).toMatchObject({ scope: 'service', status: null, retryAfter: null })
    }
    expect(await work.ask('order', { accession: '3' })).toMatchObject({ scope: 'service', retryAfter: 3_750 })
    expect(work.services.states()[0]).toMatchObject({ state: 'RESTING', reason: 'no connection (ECONNREFUSED)' })
    expect(work.log.text()).toContain('service-rested')
    await his.up()
    expect(reasonOf(await work.ask('order', ACC))).toBe('again service null: it rests: no connection (ECONNREFUSED)')
    expect([his.count(), work.returned]).toEqual([0, []])
    await work.clock.advance(3_750)
    his.next('*', { kind: 'stall' })
    const probe = work.ask('order', ACC)
    await his.until(1)
    expect(await work.ask('order', { accession: 'other' })).toMatchObject({ scope: 'service', retryAfter: 1_000 })
    await work.clock.advance(5_000)
    expect(await probe).toMatchObject({ kind: 'again', scope: 'call' })
    expect(await work.ask('order', ACC)).toMatchObject({ scope: 'service', retryAfter: 7_500 })
    await work.clock.advance(7_500)
    expect((await work.ask('order', ACC)).kind).toBe('found')
    expect([work.returned, work.services.states()[0]?.state]).toEqual([['his'], 'READY'])
  })

  test('for hours is looked at once a minute at the least', async () => {
    await his.down()
    const work = atWork()
    for (let minute = 0; minute < 60; minute++) {
      await work.ask('order', ACC)
      await work.clock.advance(60_000)
    }
    await his.up()
    const outcome = await work.ask('order', ACC)
    expect(outcome.kind === 'again' ? outcome.retryAfter : 0).toBeLessThanOrEqual(60_000)
  })

  test('by 5xx rests as well, and one answer in between begins the count anew', async () => {
    const bad: HisStep = { kind: 'answer', status: 500 }
    his.next('*', bad, bad, { kind: 'well' }, bad, bad, bad)
    const work = atWork()
    const states: (string | undefined)[] = []
    for (let index = 0; index < 6; index++) {
      await work.ask('order', ACC)
      states.push(work.services.states()[0]?.state)
    }
    expect(states).toEqual(['READY', 'READY', 'READY', 'READY', 'READY', 'RESTING'])
  })

  test('and asks for time gets it', async () => {
    const work = atWork()
    his.next('*', { kind: 'busy', retryAfter: '7' })
    expect(await work.ask('order', ACC)).toMatchObject({ scope: 'service', status: 429, retryAfter: 7_000 })
    await work.clock.advance(6_999)
    expect(await work.ask('order', ACC)).toMatchObject({ kind: 'again', retryAfter: 1 })
    await work.clock.advance(1)
    his.next('*', { kind: 'busy', retryAfter: new Date(work.clock.now() + 30_000).toUTCString() })
    expect(await work.ask('order', ACC)).toMatchObject({ retryAfter: 30_000 })
    await work.clock.advance(30_000)
    his.next('*', { kind: 'busy', retryAfter: '99999' })
    expect(await work.ask('order', ACC)).toMatchObject({ retryAfter: 900_000 })
    await work.clock.advance(900_000)
    his.next('*', { kind: 'busy', status: 503, retryAfter: '99999' })
    expect(await work.ask('order', ACC)).toMatchObject({ retryAfter: 60_000 })
    await work.clock.advance(60_000)
    his.next('*', { kind: 'busy' })
    expect(await work.ask('order', ACC)).toMatchObject({ retryAfter: 5_000 })
    await work.clock.advance(5_000)
    expect((await work.ask('order', ACC)).kind).toBe('found')
  })

  test('and asks for no time at all rests like any other', async () => {
    const work = atWork()
    const past = new Date(work.clock.now() - 30_000).toUTCString()
    his.next('*', ...['0', past, '0'].map((retryAfter) => ({ kind: 'busy', status: 503, retryAfter }) as const))
    for (const expected of [null, null, 3_750]) {
      expect(await work.ask('order', ACC)).toMatchObject({ scope: 'service', status: 503, retryAfter: expected })
    }
    await work.clock.advance(3_750)
    his.next('*', { kind: 'busy', retryAfter: '0' })
    expect(await work.ask('order', ACC)).toMatchObject({ scope: 'service', status: 429, retryAfter: 5_000 })
  })

  test('is verified by hand, which ends its rest', async () => {
    await his.down()
    const work = atWork()
    for (const accession of ['1', '2', '3']) await work.ask('order', { accession })
    const signal = new AbortController().signal
    expect(await work.services.verify('his', signal)).toMatchObject({
      reached: false,
      reason: 'no connection (ECONNREFUSED)',
    })
    await his.up()
    expect(await work.services.verify('his', signal)).toMatchObject({ reached: true, status: 200, reason: null })
    expect([work.returned, (await work.ask('order', ACC)).kind]).toEqual([['his'], 'found'])
    expect(await work.services.verify('nobody', signal)).toBeUndefined()
  })
})

describe('credentials', () => {
  test('are got once by 200 calls at the same moment, and stand in no log, state or outcome', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kurir-services-'))
    stack.defer(() => rmSync(folder, { recursive: true, force: true }))
    for (const name of ['id', 'secret']) writeFileSync(join(folder, name), `CANARY-${name}\n`)
    const files = `client_id_file: "${join(folder, 'id')}", client_secret_file: "${join(folder, 'secret')}"`
    const work = atWork(`at_once: 64, oauth2: { token_url: "${his.url}/oauth2/token", ${files} }`)
    const asks = Array.from({ length: 200 }, (_, index) => work.ask('order', { accession: String(index) }))
    expect(new Set((await Promise.all(asks)).map(({ kind }) => kind))).toEqual(new Set(['missing']))
    expect([his.count('GET /orders'), his.count('POST /oauth2/token')]).toEqual([200, 1])
    his.always('*', { kind: 'answer', status: 401, body: 'CANARY' })
    const refused = await work.ask('order', ACC)
    expect(reasonOf(refused)).toBe('again service null: the token endpoint answered 401')
    const shown = inspect([refused, work.services.states(), work.log.text()], { depth: 9 })
    expect(shown).not.toMatch(/CANARY|token-1/)
  })

  test('that cannot be read are a service that is not configured, until they can be', async () => {
    const file = join(tmpdir(), `kurir-token-${his.url.split(':').at(-1)}`)
    const work = atWork(`bearer_file: "${file}"`)
    const reason = `the file ${file} cannot be read`
    for (let index = 0; index < 3; index++)
      expect(await work.ask('order', ACC)).toMatchObject({ scope: 'service', reason })
    expect(work.services.states()[0]).toMatchObject({ state: 'RESTING', reason })
    writeFileSync(file, 'a-token')
    stack.defer(() => rmSync(file))
    await work.clock.advance(60_000)
    expect((await work.ask('order', ACC)).kind).toBe('found')
    expect(his.received[0]?.headers['authorization']).toBe('Bearer a-token')
    expect(work.returned).toEqual(['his'])
  })
})

describe('turns', () => {
  test('are given to so many at once as is declared', async () => {
    his.always('*', { kind: 'stall' })
    const work = atWork('at_once: 2')
    const asks = ['1', '2', '3', '4'].map((accession) => work.ask('order', { accession }))
    await his.until(2)
    await new Promise((resolve) => setImmediate(resolve))
    expect(his.count()).toBe(2)
    his.always('*')
    await work.clock.advance(5_000)
    expect((await Promise.all(asks)).map(reasonOf)).toEqual([
      ...Array(2).fill('again call null: no answer within the time limit'),
      ...Array(2).fill('missing 404'),
    ])
  })

  test('are given so many a second as is declared', async () => {
    const work = atWork('per_second: 2')
    const asks = ['1', '2', '3'].map((accession) => work.ask('order', { accession }))
    await asks[0]
    expect(his.count()).toBe(1)
    await work.clock.advance(500)
    await asks[1]
    expect(his.count()).toBe(2)
    await work.clock.advance(500)
    await Promise.all(asks)
    expect(his.count()).toBe(3)
  })
})

describe('what is known of a service', () => {
  test('are its last answers, newest first, a few of them', async () => {
    const work = atWork()
    for (let index = 0; index < 25; index++) await work.ask('order', { accession: String(index) })
    await work.tell('arrived', ACC)
    const [state] = work.services.states()
    expect(state).toMatchObject({ name: 'his', kind: 'http', address: `${his.url}/`, state: 'READY', reason: null })
    expect(state?.last.length).toBe(20)
    expect(work.counted.slice(-2)).toEqual(['his ask missing', 'his tell accepted'])
    expect(state?.last[0]).toMatchObject({
      call: 'arrived',
      outcome: 'accepted',
      status: 201,
      arguments: ACC,
      reason: null,
    })
    expect(state?.last[1]).toMatchObject({ call: 'order', outcome: 'missing', arguments: { accession: '24' } })
  })

  test('is nothing of what was said, in the log', async () => {
    const work = atWork()
    await work.ask('order', { accession: 'CANARY' })
    await his.down()
    for (const one of ['1', '2', '3', '4']) await work.ask('order', { accession: `CANARY${one}` })
    expect(work.log.text()).toContain('service-rested')
    expect(work.log.text()).not.toContain('CANARY')
  })

  test('changes with the rules: another address is asked from the next call on, and those who wait are told', async () => {
    const work = atWork()
    await work.ask('order', ACC)
    const other = stack.use(await HisDouble.open())
    work.settings = servicesOf(`url: "${other.url}"`)
    work.services.reconfigure()
    expect(work.returned).toEqual(['his'])
    expect(await work.ask('order', ACC)).toMatchObject({ kind: 'missing' })
    expect(other.count()).toBe(1)
    work.settings = new Map()
    work.services.reconfigure()
    const gone = await work.ask('order', ACC)
    expect(reasonOf(gone)).toBe('again service null: the rules have no such service')
    // Who waits for what only a person can bring back is not to try as for a moment's failure.
    expect(gone).toMatchObject({ retryAfter: 60_000 })
    expect(work.services.states()).toEqual([])
  })

  test('is that it is not configured, while a variable is not set', async () => {
    const [his] = servicesOf('url: http://x').values()
    if (his === undefined) throw new Error('no service')
    const work = stack.use(
      new ServicesAtWork(new Map([['his', { ...his, reach: { kind: 'not-configured', unset: ['HIS_URL'] } }]])),
    )
    const reason = 'not-configured: HIS_URL is not set'
    expect(await work.ask('order', ACC)).toEqual({
      kind: 'again',
      scope: 'service',
      reason,
      status: null,
      retryAfter: 60_000,
    })
    expect(work.services.states()[0]).toMatchObject({ state: 'NOT_CONFIGURED', reason, address: null })
  })
})
