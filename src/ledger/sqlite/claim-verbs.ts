import { type Instant, instant } from '../../base/clock.ts'
import type { ClaimToken, DeliveryId, InstanceId } from '../ids.ts'
import type { ClaimedDelivery } from '../ledger.ts'
import { unpackEdits } from './packing.ts'
import type { WriterVerbs } from './protocol.ts'
import type { WriteContext } from './write-context.ts'

const CLAIMED = `d.seq, d.id, d.destination, d.attempts, d.outgoing_uid AS outgoingUid, d.urgent, d.sent_sha256 AS sentSha256,
  d.ambiguous, d.planned_at AS plannedAt, i.id AS instance, i.blob_store AS store, i.node, i.blob_key AS blobKey,
  i.blob_length AS length, i.sha256, i.sop_class_uid AS sopClassUid, i.transfer_syntax_uid AS transferSyntaxUid,
  i.calling_ae AS callingAe, c.edits, c.edit_version AS editVersion`
/** Asked once for the urgent ones and once for the rest, so that each is one range of the index. */
export const CLAIM_DUE = `SELECT ${CLAIMED} FROM delivery d JOIN instance i ON i.seq = d.instance
  JOIN delivery_content c ON c.delivery = d.seq
  WHERE d.destination = ? AND d.urgent = ? AND d.state = 'READY' AND d.next_attempt_at <= ?
  ORDER BY d.next_attempt_at, d.seq LIMIT ?`
export const CLAIM = `UPDATE delivery SET state = 'SENDING', claim_token = ?, claimed_by = ?, lease_until = ?,
  next_attempt_at = NULL WHERE seq = ?`
export const PAUSE_OF = `SELECT paused_until AS until FROM destination WHERE name = ? AND paused_by IS NOT NULL`
export const RENEW = `UPDATE delivery SET lease_until = ? WHERE claim_token = ? AND state = 'SENDING'`

interface ClaimRow {
  readonly seq: number
  readonly id: DeliveryId
  readonly destination: string
  readonly attempts: number
  readonly outgoingUid: string
  readonly urgent: number
  readonly sentSha256: string | null
  readonly ambiguous: number
  readonly plannedAt: Instant
  readonly instance: InstanceId
  readonly store: string
  readonly node: string
  readonly blobKey: string
  readonly length: number
  readonly sha256: string
  readonly sopClassUid: string
  readonly transferSyntaxUid: string
  readonly callingAe: string | null
  readonly edits: string
  readonly editVersion: number
}

/** Taking deliveries to send, under a lease. */
export function claimVerbs(context: WriteContext): Pick<WriterVerbs, 'claim' | 'renew'> {
  const { db } = context
  const due = db.prepare<[string, number, number, number], ClaimRow>(CLAIM_DUE)
  const claim = db.prepare<[string, string, number, number]>(CLAIM)
  const pauseOf = db.prepare<[string], { until: number | null }>(PAUSE_OF)
  const renew = db.prepare<[number, string]>(RENEW)

  const isPaused = (destination: string): boolean => {
    const pause = pauseOf.get(destination)
    return pause !== undefined && (pause.until === null || pause.until > context.at())
  }

  return {
    claim(destination, limit, claimant, lease, only) {
      if (isPaused(destination) || limit < 1) return []
      const at = context.at()
      const rows = due.all(destination, 1, at, limit)
      if (only === undefined && rows.length < limit) rows.push(...due.all(destination, 0, at, limit - rows.length))
      return rows.map((row) => {
        const token = context.newId<ClaimToken>()
        claim.run(token, claimant, at + lease, row.seq)
        return claimedDelivery(row, token)
      })
    },
    renew(tokens, lease) {
      const until = instant(context.at() + lease)
      return tokens.filter((token) => renew.run(until, token).changes === 1)
    },
  }
}

function claimedDelivery(row: ClaimRow, token: ClaimToken): ClaimedDelivery {
  const { id, instance, destination, attempts, sopClassUid, outgoingUid, transferSyntaxUid, callingAe } = row
  const { editVersion, sentSha256, plannedAt } = row
  return {
    id,
    token,
    instance,
    destination,
    attempts,
    blob: { store: row.store, node: row.node, key: row.blobKey, length: row.length, sha256: row.sha256 },
    sopClassUid,
    outgoingUid,
    transferSyntaxUid,
    callingAe,
    edits: unpackEdits(row.edits),
    editVersion,
    urgent: row.urgent === 1,
    sentSha256,
    ambiguousBefore: row.ambiguous === 1,
    plannedAt,
  }
}
