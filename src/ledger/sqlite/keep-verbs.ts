import type { WriterVerbs } from './protocol.ts'
import type { WriteContext } from './write-context.ts'

export const TOKEN_INSERT = `INSERT INTO token (name, sha256, roles, created_at) VALUES (?, ?, ?, ?)`
export const TOKEN_NAMED = `SELECT revoked_at AS revokedAt FROM token WHERE name = ?`
export const TOKEN_FORGET = `DELETE FROM token WHERE name = ? AND revoked_at IS NOT NULL`
export const TOKEN_REVOKE = `UPDATE token SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL`
export const REFUSED_COUNT = `UPDATE refused_caller SET count = count + 1, reason = ?, last_at = ?
  WHERE calling_ae = ? AND called_ae = ? AND peer = ?`
export const REFUSED_INSERT = `INSERT INTO refused_caller (calling_ae, called_ae, peer, reason, count, last_at)
  VALUES (?, ?, ?, ?, 1, ?)`
export const REFUSED_TRIM = `DELETE FROM refused_caller WHERE (calling_ae, called_ae, peer) IN
  (SELECT calling_ae, called_ae, peer FROM refused_caller ORDER BY last_at DESC LIMIT -1 OFFSET 1000)`

type KeepVerb = 'tokenCreate' | 'tokenRevoke' | 'callerRefused' | 'processEvent' | 'phiRead'

/** What is kept beside the flow of instances: tokens, refusals, and who looked. */
export function keepVerbs(context: WriteContext): Pick<WriterVerbs, KeepVerb> {
  return { ...tokenVerbs(context), ...refusalVerbs(context), ...eventVerbs(context) }
}

function tokenVerbs(context: WriteContext): Pick<WriterVerbs, 'tokenCreate' | 'tokenRevoke'> {
  const { db } = context
  const insert = db.prepare(TOKEN_INSERT)
  const forget = db.prepare<[string]>(TOKEN_FORGET)
  const revoke = db.prepare<[number, string]>(TOKEN_REVOKE)
  const audit = (actor: string, outcome: string, detail: string): void =>
    context.audit.append(context.at(), { event: 'Security Configuration', actor, outcome, detail })
  return {
    tokenCreate(sha256, { name, roles }, by) {
      // A name may be used again once its token is revoked; the audit trail keeps both.
      forget.run(name)
      insert.run(name, sha256, JSON.stringify(roles), context.at())
      audit(by.name, 'token created', JSON.stringify({ token: name, roles }))
    },
    tokenRevoke(name, by) {
      if (revoke.run(context.at(), name).changes === 0) return false
      audit(by.name, 'token revoked', JSON.stringify({ token: name }))
      return true
    },
  }
}

function refusalVerbs(context: WriteContext): Pick<WriterVerbs, 'callerRefused'> {
  const { db } = context
  const count = db.prepare(REFUSED_COUNT)
  const insert = db.prepare(REFUSED_INSERT)
  const trim = db.prepare(REFUSED_TRIM)
  return {
    callerRefused(callingAe, calledAe, peer, reason) {
      const at = context.at()
      if (count.run(reason, at, callingAe, calledAe, peer).changes > 0) return
      insert.run(callingAe, calledAe, peer, reason, at)
      trim.run()
      // Once a caller: one that knocks all night must not fill the trail.
      const detail = JSON.stringify({ calledAe, peer, reason })
      context.audit.append(at, { event: 'Security Alert', actor: callingAe, outcome: 'refused', detail })
    },
  }
}

function eventVerbs(context: WriteContext): Pick<WriterVerbs, 'processEvent' | 'phiRead'> {
  return {
    processEvent({ event, actor, outcome, detail }) {
      context.audit.append(context.at(), { event, actor, outcome, detail })
    },
    phiRead(by, what, count) {
      const detail = JSON.stringify({ what, count })
      const note = { event: 'DICOM Instances Accessed', actor: by.name, outcome: 'read', detail } as const
      context.audit.append(context.at(), note)
    },
  }
}
