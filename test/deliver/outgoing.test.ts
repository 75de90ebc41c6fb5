// What an instance that is about to leave knows of its earlier tries: 0111H, duplicate SOP instance, is read by it.
import { Readable } from 'node:stream'
import { expect, test } from '@jest/globals'
import { Outgoing } from '../../src/deliver/outgoing.ts'
import { tagOf } from '../../src/dicom/attribute-path.ts'
import { EDIT_VERSION, type ResolvedEdit } from '../../src/dicom/resolved-edit.ts'
import type { ClaimedDelivery } from '../../src/ledger/ledger.ts'
import { claimed, claimedBytes } from '../support/claimed.ts'
import { sha256 } from '../support/data-set-bytes.ts'

const edit: ResolvedEdit = { verb: 'remove', path: [{ tag: tagOf(0x0010, 0x0010) }] }
const edited = Buffer.concat([claimedBytes, Buffer.from('edited')])
const ambiguousBefore = true

test.each<[what: string, delivery: Partial<ClaimedDelivery>, isTaken: boolean]>([
  ['nothing ambiguous came before', { sentSha256: sha256(claimedBytes) }, false],
  ['the same bytes may be there', { ambiguousBefore, sentSha256: sha256(claimedBytes) }, true],
  ['the same edited bytes may be there', { ambiguousBefore, edits: [edit], sentSha256: sha256(edited) }, true],
  ['a try that died left no digest, and nothing is edited', { ambiguousBefore }, true],
  [
    'the edits of a try that died were made by this code',
    { ambiguousBefore, edits: [edit], editVersion: EDIT_VERSION },
    true,
  ],
  ['they were made by other code', { ambiguousBefore, edits: [edit], editVersion: EDIT_VERSION + 1 }, false],
])('whether exactly these bytes may be there already: %s', async (_what, delivery, isTaken) => {
  const deps = { blobs: { read: () => Readable.from([claimedBytes]) }, edit: () => Readable.from([edited]) }
  const outgoing = new Outgoing(claimed(delivery), deps)
  for await (const slice of outgoing) expect(slice.length).toBeGreaterThan(0)
  expect(outgoing.maybeTaken).toBe(isTaken)
})

test.each([{ edits: [] }, { edits: [edit] }])(
  'other bytes than an earlier try sent do not leave whole: %j',
  async ({ edits }) => {
    const deps = { blobs: { read: () => Readable.from([claimedBytes]) }, edit: () => Readable.from([edited]) }
    const outgoing = new Outgoing(claimed({ ambiguousBefore, edits, sentSha256: 'of others' }), deps)
    const sent: Uint8Array[] = []
    const sending = (async () => {
      for await (const slice of outgoing) sent.push(slice)
    })()
    await expect(sending).rejects.toMatchObject({ code: 'conflict' })
    expect(sent).toEqual([])
    expect(outgoing.maybeTaken).toBe(false)
  },
)
