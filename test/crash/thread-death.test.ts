import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'
import { freePort } from '../support/processes.ts'
import { forwardTo, openSite } from '../support/site.ts'

const DYING_THREAD = fileURLToPath(new URL('../support/dying-thread.ts', import.meta.url))

test('a Kurir whose ledger has lost a thread takes nothing more and ends with 1, for whoever starts it again', async () => {
  await using site = await openSite('thread-death')
  await site.rules(forwardTo({ archive: await freePort() }))
  const kurir = await site.start({ NODE_OPTIONS: `--import ${DYING_THREAD}` })
  const ended = once(kurir.child, 'exit')
  writeFileSync(path.join(site.dataDir, 'die'), '')
  expect(await ended).toEqual([1, null])
  expect(kurir.lines.map((line) => line['event'])).toContain('ledger-thread-died')
}, 30_000)
