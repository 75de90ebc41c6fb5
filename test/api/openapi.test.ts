import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { systemClock } from '../../src/base/clock.ts'
import { createListener } from '../../src/http/listener.ts'
import { describeApi } from '../../src/http/openapi.ts'
import { ReadableLog } from '../admin/admin-fixture.ts'
import { type RunningApp, siteFolders, startApp } from '../support/app-in-process.ts'
import { openPage, shot } from '../support/browser.ts'
import { testWithPeers } from '../support/peers.ts'
import { newId } from '../support/spool-on-disk.ts'

const RULES = `version: 1
destinations:
  nowhere: { dimse: { ae: NONE@127.0.0.1:1 } }
rules:
  - name: everything
    forward: [nowhere]
`
const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'] as const

type Json = Readonly<Record<string, unknown>>
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
const objectAt = (value: Json, key: string): Json => {
  const found = value[key]
  return isObject(found) ? found : {}
}
const listAt = (value: Json, key: string): readonly Json[] => {
  const found = value[key]
  return Array.isArray(found) ? found.filter(isObject) : []
}

let stack: AsyncDisposableStack
let app: RunningApp
const at = (path: string): string => `http://127.0.0.1:${app.httpPort}${path}`

beforeEach(async () => {
  stack = new AsyncDisposableStack()
  app = stack.use(await startApp(stack.use(await siteFolders(RULES))))
})
afterEach(async () => await stack.disposeAsync())

async function readDocument(): Promise<Json> {
  const document: unknown = await (await fetch(at('/openapi.json'))).json()
  return isObject(document) ? document : {}
}

interface Operation {
  readonly method: string
  readonly path: string
  readonly operation: Json
}

const operationsOf = (document: Json): readonly Operation[] =>
  Object.keys(objectAt(document, 'paths')).flatMap((path) => {
    const item = objectAt(objectAt(document, 'paths'), path)
    return METHODS.filter((method) => item[method] !== undefined).map((method) => ({
      method: method.toUpperCase(),
      path,
      operation: objectAt(item, method),
    }))
  })

/** Everything in it, with where it stands. */
function* walk(value: unknown, place = '#'): Generator<readonly [place: string, value: Json]> {
  if (Array.isArray(value)) for (const [index, item] of value.entries()) yield* walk(item, `${place}/${index}`)
  if (!isObject(value)) return
  yield [place, value]
  for (const [key, item] of Object.entries(value)) yield* walk(item, `${place}/${key}`)
}

describe('the description of the port', () => {
  test('names the routes of the port, and each that it names answers', async () => {
    const operations = operationsOf(await readDocument())
    expect(operations.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(
      expect.arrayContaining([
        'GET /api/dicom/download/{uid}',
        'GET /health',
        'GET /instances',
        'GET /series',
        'GET /studies',
        'GET /studies/{study}',
        'GET /studies/{study}/instances',
        'GET /studies/{study}/metadata',
        'GET /studies/{study}/series',
        'GET /studies/{study}/series/{series}',
        'GET /studies/{study}/series/{series}/instances',
        'GET /studies/{study}/series/{series}/instances/{instance}',
        'GET /studies/{study}/series/{series}/instances/{instance}/metadata',
        'GET /studies/{study}/series/{series}/metadata',
        'GET /version',
        'GET /wado',
        'POST /api/dicom/upload',
        'POST /studies',
        'POST /studies/{study}',
        'POST /{scu}/{scp}/studies',
      ]),
    )
    for (const { method, path, operation } of operations) {
      const response = await fetch(at(path.replaceAll(/\{\w+\}/g, '1.2.3')), { method })
      await response.arrayBuffer()
      // No route would be 404; who may call is asked before anything else.
      const open = Array.isArray(operation['security']) && operation['security'].length === 0
      expect([method, path, response.status]).toEqual([method, path, open ? 200 : 401])
      expect(Object.keys(objectAt(operation, 'responses'))).toContain(String(response.status))
    }
  })

  test('is OpenAPI 3.1 in shape', async () => {
    const document = await readDocument()
    expect(document).toMatchObject({
      openapi: '3.1.0',
      info: { title: 'Kurir', version: expect.any(String), description: expect.any(String) },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
    })
    const operations = operationsOf(document)
    const tags = new Set(listAt(document, 'tags').map(({ name }) => name))
    const ids = operations.map(({ operation }) => operation['operationId'])
    expect(new Set(ids).size).toBe(ids.length)
    for (const { path, operation } of operations) {
      expect(operation).toMatchObject({ operationId: expect.stringMatching(/^\w+$/), summary: expect.any(String) })
      const inPath = listAt(operation, 'parameters').filter((parameter) => parameter['in'] === 'path')
      expect(inPath.map(({ name }) => `{${String(name)}}`)).toEqual(path.match(/\{\w+\}/g) ?? [])
      expect(inPath.every(({ required, schema }) => required === true && isObject(schema))).toBe(true)
      expect(Array.isArray(operation['tags']) && operation['tags'].every((tag) => tags.has(tag))).toBe(true)
      const responses = objectAt(operation, 'responses')
      for (const [status, response] of Object.entries(responses)) {
        expect(status).toMatch(/^[2-5]\d\d$/)
        expect(response).toMatchObject({ description: expect.stringMatching(/\w \w|\./) })
      }
    }
    for (const [place, value] of walk(document)) {
      if (place.endsWith('/content')) {
        for (const [type, media] of Object.entries(value)) {
          expect(type).toMatch(/^[\w.+-]+\/[\w.+-]+(; type="[^"]+")?$/)
          expect(media).toHaveProperty('schema')
        }
      }
      const to = value['$ref']
      if (typeof to !== 'string') continue
      const target = to
        .slice(2)
        .split('/')
        .reduce((found: Json, key) => objectAt(found, key), document)
      expect([to, Object.keys(target).length > 0]).toEqual([to, true])
    }
  })

  test('says what is asked of a parameter, and what is not as it says is answered by its sentence', async () => {
    const token = readFileSync(`${app.dataDir}/admin-token`, 'utf8').trim()
    const document = await readDocument()
    const get = objectAt(objectAt(objectAt(document, 'paths'), '/studies/{study}'), 'get')
    const study = listAt(get, 'parameters').find(({ name }) => name === 'study')
    expect(study).toMatchObject({ name: 'study', schema: { type: 'string', pattern: '^[0-9.]{1,64}$' } })
    const response = await fetch(at('/studies/PATIENT-NAME'), { headers: { authorization: `Bearer ${token}` } })
    expect([response.status, await response.json()]).toEqual([
      400,
      { status: 'error', message: study?.['description'], correlation_id: expect.any(String) },
    ])
  })

  test('a route without a description is not added', async () => {
    const settings = { host: '127.0.0.1', port: 0, bodyLimit: 1_000 }
    await using listener = createListener(settings, { clock: systemClock, log: new ReadableLog(), newId })
    await describeApi(listener.server, { title: 'T', version: '1', description: '', tags: [] })
    expect(() => listener.server.get('/secret-door', () => 'open')).toThrow('GET /secret-door has no operation')
  })

  test('the pages may load nothing from elsewhere, and no file beside them is served', async () => {
    const page = await fetch(at('/docs'))
    expect([page.status, page.headers.get('content-security-policy')]).toEqual([
      200,
      expect.stringMatching(/^default-src 'none'; script-src 'self'; style-src 'self';/),
    ])
    expect(await page.text()).not.toMatch(/(src|href)="https?:|<script>|javascript:/)
    for (const outside of ['..%2f..%2fpackage.json', '%2e%2e/%2e%2e/package.json', '../package.json', '.env']) {
      const response = await fetch(at(`/docs/static/${outside}`))
      await response.arrayBuffer()
      expect(response.status).toBeGreaterThanOrEqual(400)
    }
    // Nothing of where the product stands on this machine.
    const home = fileURLToPath(new URL('../..', import.meta.url))
    expect(JSON.stringify(await readDocument())).not.toContain(home)
  })
})

testWithPeers(
  ['chromium'],
  'a browser reads the description, tries a call, and asks no other host for anything',
  async () => {
    const { page, foreign, problems } = stack.use(await openPage())
    await page.goto(at('/docs'))
    await page.locator('.opblock').first().waitFor()
    await shot(page, 'docs')
    expect(await page.locator('.opblock').count()).toBe(operationsOf(await readDocument()).length)
    expect(await page.locator('.errors-wrapper').count()).toBe(0)
    await page.locator('#operations-state-version .opblock-summary-control').click()
    await page.getByRole('button', { name: 'Try it out' }).click()
    await page.getByRole('button', { name: 'Execute' }).click()
    await page.locator('.live-responses-table', { hasText: '"kurir"' }).waitFor()
    await page.locator('#operations-store-relayInstances .opblock-summary-control').click()
    await shot(page, 'docs-open')
    expect([foreign, problems]).toEqual([[], []])
  },
  60_000,
)
