import { readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { type RunningApp, siteFolders, startApp } from '../support/app-in-process.ts'
import { openPage, shot } from '../support/browser.ts'
import { corpusDir, corpusFiles } from '../support/corpus.ts'
import { ctInstance } from '../support/data-set.ts'
import { dataSetOf } from '../support/data-set-bytes.ts'
import { type RecordingServer, recordingServer } from '../support/dimse-server.ts'
import { testWithPeers } from '../support/peers.ts'
import { temporaryDir } from '../support/processes.ts'

const rules = (port: number): string => `version: 1
destinations:
  archive: { dimse: { ae: "ARCHIVE@127.0.0.1:${port}", calling_ae: "{calling_ae}" } }
rules:
  - name: everything else
    discard: as the test says
`

let stack: AsyncDisposableStack
let archive: RecordingServer
let kurir: RunningApp
let token: string

beforeEach(async () => {
  stack = new AsyncDisposableStack()
  archive = stack.use(await recordingServer({}))
  kurir = stack.use(await startApp(stack.use(await siteFolders(rules(archive.port)))))
  const made = await kurir.ask<{ tokenCreate: { token: string } }>(
    'mutation { tokenCreate(input: { name: "page", roles: [INGEST, INTEGRATOR] }) { ... on TokenCreateSuccess { token } } }',
  )
  token = made.tokenCreate.token
})
afterEach(async () => await stack.disposeAsync())

const at = (address: string): string => `http://127.0.0.1:${kurir.httpPort}${address}`

/** The page, ready; with everything it asked for, in which no token may stand. */
async function open(options: BrowserContextOptions = {}) {
  const opened = stack.use(await openPage({ locale: 'en-GB', ...options }))
  const addresses: string[] = []
  opened.page.on('request', (request) => addresses.push(request.url()))
  await opened.page.goto(at('/'))
  await opened.page.locator('html[data-ready]').waitFor()
  return { ...opened, addresses }
}

async function signIn(page: Page, typed: string): Promise<void> {
  await page.getByLabel('Your token').fill(typed)
  await page.getByRole('button', { name: 'Use it' }).click()
}

const uploads = (page: Page) => page.locator('#upload-form')
const fileNamed = (name: string, buffer: Buffer) => ({ name, mimeType: 'application/dicom', buffer })
const made = (instanceNumber: number, sizeBytes = 4_096) => ctInstance({ instanceNumber, sizeBytes })
const PAGE_TEST = 60_000
// A file input is shown by the place around it.
const OUTLINED =
  '(() => { const at = document.activeElement; return getComputedStyle(at.closest(".drop") ?? at).outlineStyle })()'

test('the page and its files are for whoever asks, and nothing of another host may run in it', async () => {
  const page = await fetch(at('/'))
  const text = await page.text()
  expect([page.status, page.headers.get('content-type')]).toEqual([200, expect.stringMatching(/^text\/html/)])
  const policy = page.headers.get('content-security-policy') ?? ''
  expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self';/)
  expect(policy).not.toMatch(/unsafe|\*|https?:/)
  expect(text).not.toMatch(/(src|href)="https?:|\son\w+=|<style|style=/)
  for (const [name, type] of [
    ['page.js', 'application/javascript'],
    ['words.js', 'application/javascript'],
    ['page.css', 'text/css'],
  ] as const) {
    const file = await fetch(at(`/page/${name}`))
    const source = await file.text()
    expect([file.status, file.headers.get('content-type')]).toEqual([200, expect.stringContaining(type)])
    expect(source).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|https?:/)
  }
  for (const outside of ['..%2fhealth.ts', '%2e%2e/health.ts', '../health.ts', '.env', 'page-route.ts']) {
    const response = await fetch(at(`/page/${outside}`))
    await response.arrayBuffer()
    expect(response.status).toBeGreaterThanOrEqual(400)
  }
})

test('both languages say everything', async () => {
  const source = await readFile(new URL('../../src/api/page/words.js', import.meta.url), 'utf8')
  const html = await readFile(new URL('../../src/api/page/index.html', import.meta.url), 'utf8')
  const [, english = '', indonesian = ''] = source.split(/\n {2}(?:en|id): \{\n/)
  const keys = (text: string): readonly string[] => [...text.matchAll(/^ {4}(\w+): /gm)].map(([, key]) => key ?? '')
  expect(keys(english).length).toBeGreaterThan(50)
  expect(keys(indonesian)).toEqual(keys(english))
  for (const [, word] of html.matchAll(/data-word="(\w+)"/g)) expect(keys(english)).toContain(word)
})

const corpus = corpusFiles('modality').filter(({ name }) => name.endsWith('.dcm'))
const inCorpus = corpusDir() === undefined ? ['chromium', 'corpus'] : ['chromium']

testWithPeers(
  inCorpus,
  'a person uploads two files with a token that was typed in, and downloads one as it was',
  async () => {
    const [one, two] = corpus
    if (one === undefined || two === undefined) throw new Error('the corpus has fewer files than two')
    const { page, foreign, problems, addresses } = await open()
    await signIn(page, token)
    await uploads(page).locator('input[type=file]').setInputFiles([one.path, two.path])
    await uploads(page).getByText('waits').first().waitFor()
    await uploads(page).getByRole('button', { name: 'Send' }).click()
    await uploads(page).getByText('Done: 2 of 2 files.').waitFor()
    const said = await uploads(page).locator('.became').allTextContents()
    expect(said).toEqual([
      expect.stringMatching(/^Accepted: 1\. Study [\d.]+$/),
      expect.stringMatching(/^Accepted: 1\./),
    ])
    await page.getByLabel('UID of a study').fill(said[0]?.replace(/.*Study /, '') ?? '')
    const waiting = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Download' }).click()
    const saved = await (await waiting).path()
    expect(dataSetOf(await readFile(saved)).equals(dataSetOf(await readFile(one.path)))).toBe(true)
    await page.locator('#download-answer', { hasText: '.dcm:' }).waitFor()
    await shot(page, 'page-used')
    expect([foreign, problems]).toEqual([[], []])
    // Only in this tab, and in no address.
    expect(await page.evaluate('JSON.stringify(localStorage) + document.cookie')).toBe('{}')
    expect(addresses.filter((address) => address.includes(token))).toEqual([])
  },
  PAGE_TEST,
)

testWithPeers(
  ['chromium'],
  'progress is shown while a large file goes, and one can stop it',
  async () => {
    const { page } = await open()
    await signIn(page, token)
    const client = await page.context().newCDPSession(page)
    await client.send('Network.emulateNetworkConditions', {
      offline: false,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput: 2_000_000,
    })
    const files = [fileNamed('large.dcm', made(1, 6_000_000).file), fileNamed('next.dcm', made(2).file)]
    await uploads(page).locator('input[type=file]').setInputFiles(files)
    await uploads(page).getByRole('button', { name: 'Send' }).click()
    await uploads(page)
      .locator('.became', { hasText: /^[1-9]\d? %$/ })
      .waitFor()
    expect(Number(await uploads(page).locator('progress').first().getAttribute('value'))).toBeGreaterThan(0)
    await shot(page, 'page-progress')
    await uploads(page).getByRole('button', { name: 'Stop' }).click()
    await uploads(page).getByText('stopped').waitFor()
    expect(await uploads(page).locator('.became').allTextContents()).toEqual(['stopped', 'waits'])
    await client.send('Network.disable')
    await uploads(page).getByRole('button', { name: 'Send' }).click()
    await uploads(page).getByText('Done: 2 of 2 files.').waitFor()
    // What is to be set goes with each file.
    await page.getByLabel('Set accession number').fill('ACC-7')
    await uploads(page)
      .locator('input[type=file]')
      .setInputFiles([fileNamed('set.dcm', made(3).file)])
    await uploads(page).getByRole('button', { name: 'Send' }).click()
    await uploads(page).getByText('Done: 1 of 1 files.').waitFor()
    const { instances } = await kurir.ask<{ instances: { nodes: { amendments: { by: string }[] }[] } }>(
      '{ instances(first: 9) { nodes { amendments { by } } } }',
    )
    expect(instances.nodes.flatMap(({ amendments }) => amendments)).toEqual([{ by: 'page' }])
  },
  PAGE_TEST,
)

testWithPeers(
  ['chromium'],
  'a token that is not known is refused in a sentence, in the language that was chosen, and can be typed again',
  async () => {
    const { page } = await open()
    await signIn(page, 'nonsense')
    await uploads(page)
      .locator('input[type=file]')
      .setInputFiles([1, 2].map((n) => fileNamed(`${n}.dcm`, made(n).file)))
    await uploads(page).getByRole('button', { name: 'Send' }).click()
    await page.locator('#token-answer', { hasText: 'not known' }).waitFor()
    expect(await uploads(page).locator('.became').allTextContents()).toEqual([
      'The token is not known. Type it again.',
      'waits',
    ])
    expect(await page.evaluate('document.activeElement.id')).toBe('token')
    await page.getByRole('button', { name: 'Bahasa Indonesia' }).click()
    await page.locator('#token-answer', { hasText: 'Token tidak dikenal' }).waitFor()
    expect(await page.evaluate('document.documentElement.lang')).toBe('id')
    await shot(page, 'page-refused')
    await page.getByLabel('Token Anda').fill(token)
    await page.keyboard.press('Enter')
    await uploads(page).getByRole('button', { name: 'Kirim' }).click()
    await uploads(page).getByText('Selesai: 2 dari 2 berkas.').waitFor()
    await page.reload()
    await page.getByRole('heading', { name: 'Unggah' }).waitFor()
    await page.getByText('Token dipakai.').waitFor()
    await page.getByRole('button', { name: 'Lupakan' }).click()
    expect(await page.evaluate('sessionStorage.getItem("kurir.token")')).toBe(null)
  },
  PAGE_TEST,
)

testWithPeers(
  ['chromium'],
  'everything can be done from a keyboard alone',
  async () => {
    const { page } = await open()
    // Asked for long before: the browser is told to hand choosers over in its own time, and a key is not to overtake that.
    const chooser = page.waitForEvent('filechooser', { timeout: PAGE_TEST })
    const focused = () =>
      page.evaluate<string>('document.activeElement.id || document.activeElement.textContent.trim()')
    const passed: string[] = []
    const tabTo = async (wanted: string): Promise<void> => {
      for (let presses = 0; presses < 40; presses += 1) {
        await page.keyboard.press('Tab')
        const here = await focused()
        passed.push(here)
        // Who does not see where the focus is cannot use it.
        expect([here, await page.evaluate(OUTLINED)]).toEqual([here, 'solid'])
        if (here === wanted) return
      }
      throw new Error(`${wanted} is not reached from a keyboard`)
    }
    await tabTo('Skip to the forms')
    await page.keyboard.press('Enter')
    await tabTo('token')
    await page.keyboard.type(token)
    await page.keyboard.press('Enter')
    await page.getByText('The token is in use.').waitFor()
    await tabTo('upload-files')
    await page.keyboard.press('Enter')
    const one = made(1)
    await (await chooser).setFiles([fileNamed('one.dcm', one.file)])
    await tabTo('Send')
    await page.keyboard.press('Enter')
    await uploads(page).getByText('Done: 1 of 1 files.').waitFor()
    await tabTo('scu')
    await tabTo('relay-files')
    await tabTo('uid')
    await page.keyboard.type(one.sopInstanceUid)
    const download = page.waitForEvent('download')
    await page.keyboard.press('Enter')
    expect(dataSetOf(await readFile(await (await download).path())).equals(one.dataSet)).toBe(true)
    await tabTo('How applications call this port')
    // What is not configured cannot be reached.
    expect(passed.filter((id) => /process|imaging/.test(id))).toEqual([])
  },
  PAGE_TEST,
)

testWithPeers(
  ['chromium'],
  'a file that the browser cannot read any more is told as such, and keeps none behind it from being sent',
  async () => {
    const { page } = await open()
    await signIn(page, token)
    const home = stack.use(await temporaryDir('page'))
    const paths = [1, 2].map((n) => path.join(home.path, `${n}.dcm`))
    for (const [at, file] of paths.entries()) await writeFile(file, made(at + 1).file)
    await uploads(page).locator('input[type=file]').setInputFiles(paths)
    await rm(paths[0] ?? '')
    await uploads(page).getByRole('button', { name: 'Send' }).click()
    await uploads(page).getByText('Done: 1 of 2 files.').waitFor()
    await uploads(page).locator('li', { hasText: '1.dcm' }).getByText('The browser cannot read it').waitFor()
  },
  PAGE_TEST,
)

testWithPeers(
  ['chromium'],
  'files are sent straight to an archive, and what it refuses is told',
  async () => {
    const { page } = await open()
    await signIn(page, token)
    const relays = page.locator('#relay-form')
    await page.getByLabel('Calling AE title').fill('PAGE')
    await page.getByLabel('Called AE title').fill('ARCHIVE')
    await relays.locator('input[type=file]').setInputFiles([fileNamed('one.dcm', made(1).file)])
    await relays.getByRole('button', { name: 'Send' }).click()
    await relays.getByText('The archive has it.').waitFor()
    expect(archive.received.length).toBe(1)
    const dropped = await page.evaluateHandle(
      'const held = new DataTransfer(); held.items.add(new File(["not DICOM"], "no.dcm")); held',
    )
    await relays.locator('.drop').dispatchEvent('drop', { dataTransfer: dropped })
    await relays.getByText('no.dcm (9 B)').waitFor()
    await relays.getByRole('button', { name: 'Send' }).click()
    await relays.getByText('Refused, status C000H').waitFor()
    await page.getByLabel('Called AE title').fill('NOBODY')
    await relays.locator('input[type=file]').setInputFiles([fileNamed('one.dcm', made(2).file)])
    await relays.getByRole('button', { name: 'Send' }).click()
    await relays.getByText('No destination is called so by this caller.').waitFor()
    // The titles were wrong, not the file: put right, they send what is in the list.
    await page.getByLabel('Called AE title').fill('ARCHIVE')
    await relays.getByRole('button', { name: 'Send' }).click()
    await relays.getByText('Done: 1 of 1 files.').waitFor()
    expect(archive.received.length).toBe(2)
  },
  PAGE_TEST,
)

testWithPeers(
  ['chromium'],
  'what this Kurir does not offer is shown as not configured, and what it offers is asked',
  async () => {
    const { page, problems } = await open()
    for (const id of ['process', 'imaging']) {
      const section = page.locator(`section[aria-labelledby=${id}-title]`)
      expect(await section.getByText('Not configured').isVisible()).toBe(true)
      expect(await section.getByRole('button').isDisabled()).toBe(true)
    }
    await page.route('**/openapi.json', (route) =>
      route.fulfill({
        json: { paths: { '/api/dicom/process': { post: {} }, '/api/dicom/imageid/{acsn}': { get: {} } } },
      }),
    )
    await page.reload()
    await page.locator('html[data-ready]').waitFor()
    expect(await page.getByText('Not configured').first().isVisible()).toBe(false)
    await page.route('**/api/dicom/imageid/*', (route) =>
      route.fulfill({ json: { status: 'success', imagingStudy_id: 'IS1', patient_reference: 'Patient/P1' } }),
    )
    await page.locator('#imaging-acc').fill('A/1')
    await page.getByRole('button', { name: 'Look up' }).click()
    await page.getByText('ImagingStudy IS1, Patient/P1').waitFor()
    await page.route('**/api/dicom/process', (route) =>
      route.fulfill({ json: { status: 'success', study: JSON.stringify(route.request().postDataJSON()) } }),
    )
    await page.locator('#process-acc').fill(' A1 ')
    await page.getByRole('button', { name: 'Fetch and forward' }).click()
    await page.getByText('Done. Study {"acc":"A1"}').waitFor()
    expect(problems).toEqual([])
  },
  PAGE_TEST,
)

testWithPeers(
  ['chromium'],
  'markup in a name, or in whatever an answer says, is shown and never run',
  async () => {
    const { page, problems } = await open()
    await signIn(page, token)
    const markup = '<img src=x onerror="window.ran=1"><script>window.ran=1</script>'
    await page.route('**/api/dicom/download/*', (route) => route.fulfill({ status: 500, json: { message: markup } }))
    await page.getByLabel('UID of a study').fill('1.2.3')
    await page.getByRole('button', { name: 'Download' }).click()
    await page.locator('#download-answer', { hasText: '<script>' }).waitFor()
    await page.route('**/api/dicom/upload', (route) =>
      route.fulfill({ json: { status: 'success', study: markup, transfers: [{ PatientName: markup }] } }),
    )
    await uploads(page)
      .locator('input[type=file]')
      .setInputFiles([fileNamed(`${markup}.dcm`, made(1).file)])
    await uploads(page).getByRole('button', { name: 'Send' }).click()
    await uploads(page).locator('.became', { hasText: '<script>' }).waitFor()
    await page.getByRole('button', { name: 'Bahasa Indonesia' }).click()
    expect(await page.evaluate('[typeof window.ran, document.images.length]')).toEqual(['undefined', 0])
    expect(problems.filter((problem) => !problem.includes('500'))).toEqual([])
  },
  PAGE_TEST,
)

for (const colorScheme of ['light', 'dark'] as const) {
  testWithPeers(
    ['chromium'],
    `nothing is wider than a screen of 360 pixels (${colorScheme})`,
    async () => {
      const { page } = await open({ colorScheme, viewport: { width: 360, height: 740 } })
      await signIn(page, token)
      const name = `${'a-very-long-name-without-a-space'.repeat(4)}.dcm`
      await uploads(page)
        .locator('input[type=file]')
        .setInputFiles([fileNamed(name, made(1).file)])
      await uploads(page).getByRole('button', { name: 'Send' }).click()
      await uploads(page).getByText('Done: 1 of 1 files.').waitFor()
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360)
      await shot(page, `page-360-${colorScheme}`)
      await page.setViewportSize({ width: 1280, height: 800 })
      await shot(page, `page-1280-${colorScheme}`)
    },
    PAGE_TEST,
  )
}
