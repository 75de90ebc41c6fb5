import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect } from '@jest/globals'
import { ctInstance } from '../support/data-set.ts'
import { ask } from '../support/graphql-client.ts'
import { testWithPeers } from '../support/peers.ts'
import { quickPeerEnv } from '../support/processes.ts'
import { forwardTo, inLedger, openSite } from '../support/site.ts'
import { untilSettled } from '../support/until-settled.ts'

const run = promisify(execFile)

const CALLERS = `callers:
  ct_one: { ae: CT_ONE, from: 127.0.0.0/8 }
  elsewhere: { ae: MR_ONE, from: 10.20.0.0/16 }
`

testWithPeers(
  ['storescu', 'storescp'],
  'a caller that no rule lets in, and one that calls another title, are rejected, logged and on record with the remedy',
  async () => {
    await using site = await openSite('callers')
    const archive = await site.archive('arrived')
    await site.rules(forwardTo({ archive: archive.port }, CALLERS))
    const kurir = await site.start()
    const file = path.join(site.home, 'ct.dcm')
    await writeFile(file, ctInstance({ sizeBytes: 4_096 }).file)
    /** What storescu says of its association: nothing when it got in. */
    const storescu = (callingAe: string, calledAe: string): Promise<string> =>
      run('storescu', ['-aet', callingAe, '-aec', calledAe, '127.0.0.1', String(kurir.dicomPort), file], {
        env: quickPeerEnv,
      }).then(
        () => '',
        (error: unknown) => String(error),
      )

    expect(await storescu('CT_ONE', 'KURIR')).toBe('')
    expect(await storescu('CT_TWO', 'KURIR')).toContain('Calling AE Title Not Recognized')
    expect(await storescu('MR_ONE', 'KURIR')).toContain('Calling AE Title Not Recognized')
    expect(await storescu('CT_ONE', 'OTHER')).toContain('Called AE Title Not Recognized')
    await kurir.logged('association-refused', (line) => line['callingAe'] === 'CT_TWO')
    await kurir.logged('association-refused', (line) => line['callingAe'] === 'MR_ONE')
    await kurir.logged('association-refused', (line) => line['calledAe'] === 'OTHER')

    await untilSettled(kurir)
    expect(inLedger(site.dataDir, 'SELECT count(*) FROM instance')).toEqual([1])
    const { auditEvents } = await ask<{ auditEvents: { nodes: readonly { actor: string; outcome: string }[] } }>(
      kurir,
      '{ auditEvents(first: 10, filter: { event: "Security Alert" }) { nodes { actor outcome } } }',
    )
    expect(auditEvents.nodes.map(({ actor }) => actor).sort()).toEqual(['CT_ONE', 'CT_TWO', 'MR_ONE'])
    const remembered = inLedger(site.dataDir, 'SELECT reason FROM refused_caller ORDER BY calling_ae, called_ae')
    expect(remembered.join('\n')).toContain('ct_two: { ae: "CT_TWO", from: "127.0.0.1/32" }')
  },
)
