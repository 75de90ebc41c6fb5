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
  await folders.write({ '00.yaml': rules('first') })
})
afterEach(async () => await stack.disposeAsync())

/** Everything goes to a folder of that name. */
const rules = (destination: string): string => `version: 1
destinations:
  ${destination}: { folder: { path: "${folders.home}/${destination}", layout: "{SOPInstanceUID}.dcm" } }
rules:
  - name: to ${destination}
    forward: [${destination}]
`

const start = async () => stack.use(await startApp(folders))

interface Asked {
  readonly did: { readonly __typename: string; readonly problems?: readonly { readonly message: string }[] }
}
const REFUSED = '... on RulesetRefused { problems { file line column message } }'

const reload = async (running: RunningApp, force = false): Promise<Asked['did']> =>
  (await running.ask<Asked>(`mutation { did: rulesetReload(input: { force: ${force} }) { __typename ${REFUSED} } }`))
    .did

const rollback = async (running: RunningApp, digest: string, force = false): Promise<Asked['did']> => {
  const input = `{ digest: "${digest}", reason: "as the test says", force: ${force} }`
  return (await running.ask<Asked>(`mutation { did: rulesetRollback(input: ${input}) { __typename ${REFUSED} } }`)).did
}

const digestOf = async (running: RunningApp): Promise<string> =>
  (await running.ask<{ ruleset: { digest: string } }>('{ ruleset { digest } }')).ruleset.digest

const problemsOf = async (running: RunningApp): Promise<readonly string[]> =>
  (await running.ask<{ health: { problems: readonly string[] } }>('{ health { problems } }')).health.problems

const deliveriesOf = async (running: RunningApp): Promise<readonly string[]> => {
  const { deliveries } = await running.ask<{
    deliveries: { nodes: { state: string; reason: string | null; destination: { name: string } }[] }
  }>('{ deliveries { nodes { state reason destination { name } } } }')
  return deliveries.nodes.map(({ state, reason, destination }) => `${destination.name} ${state} ${reason}`)
}

const store = (running: RunningApp, instanceNumber: number) =>
  storeAll(
    running.dicomPort,
    () => [ctInstance({ instanceNumber, sizeBytes: 4_096 }).file],
    () => undefined,
  )

test('an earlier ruleset is in force again, over a restart, until the file changes; health says so without the reason', async () => {
  const before = await start()
  const first = await digestOf(before)
  await folders.write({ '00.yaml': rules('second') })
  expect((await reload(before)).__typename).toBe('RulesetReloadSuccess')
  expect((await rollback(before, first)).__typename).toBe('RulesetRollbackSuccess')
  await before[Symbol.asyncDispose]()

  const running = await start()
  expect(await digestOf(running)).toBe(first)
  const [problem, ...others] = await problemsOf(running)
  expect(problem).toMatch(new RegExp(`^The rules are pinned to ${first.slice(0, 12)} by .* since 20`))
  expect(problem).not.toContain('as the test says')
  expect(others).toEqual([])
  await store(running, 1)
  await untilSettled(running)
  expect(await deliveriesOf(running)).toEqual(['first DELIVERED null'])
  const { ruleset } = await running.ask<{ ruleset: unknown }>('{ ruleset { rules { name matchedLastHour } } }')
  expect(ruleset).toEqual({ rules: [{ name: 'to first', matchedLastHour: 1 }] })
  expect((await reload(running)).__typename).toBe('RulesetReloadSuccess')
  expect(await problemsOf(running)).toEqual([])
  const { rulesets } = await running.ask<{ rulesets: { nodes: { rules: { name: string }[] }[] } }>(
    '{ rulesets { nodes { rules { name } } } }',
  )
  expect(rulesets.nodes.map((each) => each.rules[0]?.name)).toEqual(['to second', 'to first'])
})

test('what is owed to a destination that is dropped by force is held, and due again when it is back', async () => {
  const running = await start()
  const first = await digestOf(running)
  await running.ask('mutation { destinationPause(input: { name: "first", reason: "r" }) { __typename } }')
  await store(running, 1)
  await untilSettled(running, ['second'])
  expect(await deliveriesOf(running)).toEqual(['first READY null'])

  await folders.write({ '00.yaml': rules('second') })
  const refused = await reload(running)
  expect(refused).toMatchObject({ __typename: 'RulesetRefused', problems: [{ file: 'rules/00.yaml', line: 3 }] })
  const { health } = await running.ask<{ health: unknown }>('{ health { ruleProblems { file line column message } } }')
  expect(health).toEqual({ ruleProblems: refused.problems })
  expect(await digestOf(running)).toBe(first)

  const held = running.log.line('deliveries-held')
  expect((await reload(running, true)).__typename).toBe('RulesetReloadSuccess')
  expect(await held).toMatchObject({ destination: 'first', count: 1 })
  expect(await deliveriesOf(running)).toEqual(['first HELD destination gone'])

  const released = running.log.line('deliveries-released')
  expect((await rollback(running, first)).__typename).toBe('RulesetRollbackSuccess')
  await released
  await running.ask('mutation { destinationResume(input: { name: "first" }) { __typename } }')
  await untilSettled(running)
  expect(await deliveriesOf(running)).toEqual(['first DELIVERED null'])
})

test('other rules are tried on what came, beside the running Kurir', async () => {
  const running = await start()
  await store(running, 1)
  await untilSettled(running)
  const { rulesets } = await running.ask<{ rulesets: { nodes: { texts: object[] }[] } }>(
    '{ rulesets { nodes { texts { name text } } } }',
  )
  expect(rulesets.nodes[0]?.texts).toEqual([{ name: 'rules/00.yaml', text: rules('first') }])
  const input = {
    candidate: { files: [{ name: 'rules/00.yaml', text: rules('second') }] },
    since: new Date(Date.now() - 3_600_000),
  }
  await running.ask('mutation ($input: RulesetShadowInput!) { rulesetShadow(input: $input) { __typename } }', { input })
  const report = await shadowReport(running)
  expect(report).toEqual({
    instances: 1,
    unchanged: 0,
    destinations: expect.arrayContaining([
      { name: 'first', change: { before: 1, after: 0 } },
      { name: 'second', change: { before: 0, after: 1 } },
    ]),
  })
  expect(await deliveriesOf(running)).toEqual(['first DELIVERED null'])
})

/** Asks until it is there; the admin can only be asked again. */
async function shadowReport(running: RunningApp): Promise<unknown> {
  for (;;) {
    const { run } = await running.ask<{ run: { state: string; report: unknown } }>(
      '{ run: rulesetShadowRun { state report { instances unchanged destinations { name change { before after } } } } }',
    )
    if (run.state !== 'RUNNING') return run.report
  }
}
