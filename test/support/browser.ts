// Chromium on a page of a port, with an ear for what a strict browser would complain of.
import path from 'node:path'
import { type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { peerPath } from './peers.ts'

const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export interface OpenPage extends AsyncDisposable {
  readonly page: Page
  /** Addresses of other hosts that it asked for. */
  readonly foreign: string[]
  /** Errors of scripts, and what the console was told as an error. */
  readonly problems: string[]
}

export async function openPage(options: BrowserContextOptions = {}): Promise<OpenPage> {
  const browser = await chromium.launch({ executablePath: peerPath('chromium') ?? 'chromium', args: ARGS })
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, ...options })
  const foreign: string[] = []
  const problems: string[] = []
  page.on('request', (request) => {
    if (!['127.0.0.1', ''].includes(new URL(request.url()).hostname)) foreign.push(request.url())
  })
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text())
  })
  return { page, foreign, problems, [Symbol.asyncDispose]: () => browser.close() }
}

const SCREENSHOTS = process.env['KURIR_TEST_SCREENSHOTS']

/** A picture for a person to look at, where one asks for it. */
export async function shot(page: Page, name: string): Promise<void> {
  if (SCREENSHOTS !== undefined) await page.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`), fullPage: true })
}
