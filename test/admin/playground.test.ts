import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { openPage, shot } from '../support/browser.ts'
import { testWithPeers } from '../support/peers.ts'
import { type AdminFixture, startAdmin } from './admin-fixture.ts'
import { admit, plan } from './admissions.ts'

const playgroundDir = fileURLToPath(new URL('../../node_modules/.cache/kurir/playground', import.meta.url))

let stack: AsyncDisposableStack
let admin: AdminFixture

beforeEach(async () => {
  stack = new AsyncDisposableStack()
  admin = stack.use(await startAdmin({ playgroundDir }))
})
afterEach(async () => await stack.disposeAsync())

const built = existsSync(path.join(playgroundDir, 'index.html'))

if (built) {
  testWithPeers(
    ['chromium'],
    'a browser signs in with a token and runs a query, and asks no other host for anything',
    async () => {
      await admit(admin.ledger, '1.2.3', 2)
      await plan(admin.ledger, ['ARCHIVE'])
      await using opened = await openPage()
      const { page, foreign, problems } = opened
      await page.goto(`${admin.url}/graphql`)
      await page.getByLabel('Token').waitFor()
      await shot(page, 'sign-in')
      await page.getByLabel('Token').fill('VIEWER')
      await page.getByRole('button', { name: 'Open the playground' }).click()
      await page.locator('.graphiql-editor .monaco-editor').first().click()
      await page.keyboard.press('Control+Enter')
      await page.locator('.result-window', { hasText: '"name": "ARCHIVE"' }).waitFor({ timeout: 20_000 })
      await shot(page, 'playground')
      await page.getByRole('button', { name: 'Show Documentation Explorer' }).click()
      await page.locator('.graphiql-doc-explorer', { hasText: 'Mutation' }).waitFor({ timeout: 20_000 })
      await shot(page, 'documentation')
      expect(foreign).toEqual([])
      expect(problems).toEqual([])
      expect(await page.evaluate('JSON.stringify(localStorage) + JSON.stringify(sessionStorage)')).toBe('{}{}')
    },
    60_000,
  )

  testWithPeers(
    ['chromium'],
    'a token that is not known, or may not read, is refused in a sentence',
    async () => {
      await using opened = await openPage()
      const { page } = opened
      await page.goto(`${admin.url}/playground/`)
      for (const [token, sentence] of [
        ['nonsense', 'not known'],
        ['INGEST', 'VIEWER'],
        ['…', 'characters'],
      ] as const) {
        await page.getByLabel('Token').fill(token)
        await page.getByRole('button', { name: 'Open the playground' }).click()
        await page.getByRole('alert').filter({ hasText: sentence }).waitFor()
      }
      await shot(page, 'refused')
    },
    60_000,
  )

  test('the playground’s pages may load nothing from elsewhere, and no file above their folder is served', async () => {
    const response = await fetch(`${admin.url}/playground/`)
    expect(response.headers.get('content-security-policy')).toMatch(/default-src 'none'; script-src 'self'/)
    expect(await response.text()).not.toMatch(/(src|href)="https?:/)
    for (const outside of [
      '..%2f..%2fpackage.json',
      '%2e%2e/%2e%2e/package.json',
      '.env',
      'assets/../../../package.json',
    ]) {
      expect((await fetch(`${admin.url}/playground/${outside}`)).status).toBeGreaterThanOrEqual(400)
    }
  })
} else {
  test.skip('the playground in a browser [needs the bundle of src/admin/playground/build.js]', () => undefined)
}
