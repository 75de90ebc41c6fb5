import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { type RunningApp, type SiteFolders, siteFolders, startApp } from '../support/app-in-process.ts'
import { ctInstance } from '../support/data-set.ts'
import { storeAll } from '../support/store-all.ts'
import { untilSettled } from '../support/until-settled.ts'

let stack: AsyncDisposableStack
let folders: SiteFolders

beforeEach(async () => {
  stack = new AsyncDisposableStack()
  folders = stack.use(await siteFolders('version: 1\n'))
})
afterEach(async () => await stack.disposeAsync())

const outbox = (): string =>
  `destinations: { outbox: { folder: { path: "${folders.home}/outbox", layout: "{SOPInstanceUID}.dcm" } } }`

async function start(rules: string): Promise<RunningApp> {
  await folders.write({ '00.yaml': `version: 1\n${outbox()}\n${rules}` })
  return stack.use(await startApp(folders))
}

const STUDY = '1.2.826.0.1.3680043.10.8'

async function store(running: RunningApp, patientId: string): Promise<void> {
  const { file } = ctInstance({ sizeBytes: 4_096, patientId, studyInstanceUid: STUDY })
  await storeAll(
    running.dicomPort,
    () => [file],
    () => undefined,
  )
}

/** The file that has arrived. */
async function arrived(): Promise<string> {
  const [file = 'none'] = await readdir(path.join(folders.home, 'outbox'))
  return await readFile(path.join(folders.home, 'outbox', file), 'latin1')
}

interface Holds {
  readonly holds: { readonly nodes: readonly { readonly id: string; readonly reason: string }[] }
}

test('what is held for a wrong identity is corrected, released and leaves with the correction, on record', async () => {
  const running = await start(`rules:
  - { name: strict, match: { PatientID: { not: { matches: "[0-9]{6}" } } }, hold: not an identity of ours, stop: true }
  - { name: all, forward: [outbox] }
`)
  await store(running, 'CANARY')
  await untilSettled(running)
  const { holds } = await running.ask<Holds>('{ holds { nodes { id reason } } }')
  expect(holds.nodes).toEqual([{ id: expect.any(String), reason: 'not an identity of ours' }])
  const input = {
    obligationId: holds.nodes[0]?.id,
    reason: 'the ward said so',
    amend: [{ name: 'PatientID', value: '004711' }],
  }
  const released = await running.ask(
    'mutation ($input: HoldReleaseInput!) { did: holdRelease(input: $input) { __typename } }',
    { input },
  )
  expect(released).toEqual({ did: { __typename: 'HoldReleaseSuccess' } })
  await untilSettled(running)
  expect(await arrived()).toContain('004711')
  const shown = await running.ask(
    '{ deliveries { nodes { state rewrite { keyword verb before after } } } instances { nodes { amendments { by why } } } }',
  )
  expect(shown).toEqual({
    deliveries: {
      nodes: [
        { state: 'DELIVERED', rewrite: [{ keyword: 'PatientID', verb: 'amend', before: 'CANARY', after: '004711' }] },
      ],
    },
    instances: { nodes: [{ amendments: [{ by: expect.any(String), why: 'the ward said so' }] }] },
  })
  expect(running.log.text()).not.toContain('CANARY')
})

test('a study that a person calls finished has its moment at once', async () => {
  const running = await start(`rules: [ { name: whole, on: study, forward: [outbox] } ]
study: { quiet: 1h, longest: 2h }
`)
  await store(running, '1')
  await untilSettled(running)
  const settled = await running.ask(
    `mutation { did: studySettle(input: { studyInstanceUid: "${STUDY}" }) { __typename } }`,
  )
  expect(settled).toEqual({ did: { __typename: 'StudySettleSuccess' } })
  // Nothing tells from outside when a round is decided but its errand.
  const state = async () => {
    const { errands } = await running.ask<{ errands: { nodes: { state: string; rule: { name: string } }[] } }>(
      '{ errands { nodes { state rule { name } } } }',
    )
    return errands.nodes[0]
  }
  while ((await state())?.state !== 'DELIVERED') await new Promise((resolve) => setTimeout(resolve, 50))
  expect(await state()).toEqual({ state: 'DELIVERED', rule: { name: 'whole' } })
  const { ruleset } = await running.ask<{ ruleset: unknown }>('{ ruleset { rules { moment matchedLastHour } } }')
  expect(ruleset).toEqual({ rules: [{ moment: 'STUDY', matchedLastHour: 1 }] })
})
