import { ms, systemClock } from '../../src/base/clock.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite/open.ts'
import { admission, forward, tried } from '../ledger/sample.ts'

// A process that works on a ledger until it is killed, and tells its parent of every answer that promised something.
const ledger = await openSqliteLedger({ file: process.argv[2] ?? '', node: 'n1', clock: systemClock })
const run = process.argv[3] ?? '0'
await ledger.rescue(run)

async function admitForEver(): Promise<never> {
  for (;;) {
    const one = admission()
    await ledger
      .admit(
        [{ ...one, id: crypto.randomUUID() as typeof one.id }].map((each) => ({
          ...each,
          blob: { ...each.blob, key: each.id },
        })),
      )
      .then(([row]) => process.send?.(row?.id))
  }
}

async function deliverForEver(): Promise<never> {
  for (;;) {
    const rows = await ledger.unplanned(16)
    await ledger.plan(
      rows.map(({ id, version, identity }) => {
        const obligations = [forward('pacs', { outgoingUid: identity.sopInstanceUid })]
        return { instance: id, expectedVersion: version, rulesetDigest: 'r', obligations }
      }),
    )
    const claims = await ledger.claim('pacs', 16, run, ms(60_000))
    const rest = {
      attempt: tried('DELIVERED'),
      state: 'DELIVERED',
      nextAttemptAt: null,
      reason: null,
      sentSha256: null,
    } as const
    await ledger.settle(claims.slice(1).map(({ id, token }) => ({ delivery: id, token, ...rest })))
  }
}

const loops = [...Array.from({ length: 8 }, admitForEver), deliverForEver()]
await Promise.all(loops)
