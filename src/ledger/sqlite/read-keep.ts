import { CHAIN_START, follows } from '../../audit/chain.ts'
import type { AuditSubjectKind } from '../../audit/events.ts'
import type { Instant } from '../../base/clock.ts'
import type { RefusedCaller } from '../ledger.ts'
import type { Role } from '../states.ts'
import type { AuditRow, AuditSelection } from '../views.ts'
import type { Connection } from './connection.ts'
import { type Placed, pager, type Source } from './paging.ts'
import type { AuditCursor, AuditSlice, ReaderVerbs } from './protocol.ts'
import { conditions } from './read-instances.ts'

export const TOKENS = `SELECT name, roles, created_at AS createdAt, revoked_at AS revokedAt FROM token ORDER BY name`
export const TOKEN_GRANT = `SELECT name, roles FROM token WHERE sha256 = ? AND revoked_at IS NULL`
export const REFUSED_CALLERS = `SELECT calling_ae AS callingAe, called_ae AS calledAe, peer, reason, count,
  last_at AS lastAt FROM refused_caller ORDER BY last_at DESC LIMIT ?`
const AUDIT_SELECT = `SELECT e.seq, e.at, e.node, e.sequence, e.event, e.actor, e.outcome, e.subject_kind AS subjectKind,
  e.subject_id AS subjectId, e.detail FROM audit_event e`
export const AUDIT_VIEW = `${AUDIT_SELECT} WHERE e.node = ? AND e.sequence = ?`
export const AUDIT_SLICE = `SELECT seq, at, node, sequence, event, actor, outcome, subject_kind AS subjectKind,
  subject_id AS subjectId, detail, hash, listed FROM audit_event WHERE seq > ? ORDER BY seq LIMIT ?`

/** It changes and is not chained; but with any other value an event would be in no list. */
const LISTABLE: ReadonlySet<number> = new Set([0, 1])

/** Events checked at a stretch: about 10 ms. */
const SLICE = 2_000

interface AuditColumns extends Placed {
  readonly node: string
  readonly sequence: number
  readonly event: string
  readonly actor: string
  readonly outcome: string
  readonly subjectKind: AuditSubjectKind | null
  readonly subjectId: string | null
  readonly detail: string | null
}
interface ChainedColumns extends AuditColumns {
  readonly hash: Uint8Array
  readonly listed: number
}
interface TokenColumns {
  readonly name: string
  readonly roles: string
  readonly createdAt: Instant
  readonly revokedAt: Instant | null
}

/** Tokens and refused callers as kept. */
export function readKeep(db: Connection): Pick<ReaderVerbs, 'tokens' | 'tokenGrant' | 'refusedCallers'> {
  const tokens = db.prepare<[], TokenColumns>(TOKENS)
  const grant = db.prepare<[string], Pick<TokenColumns, 'name' | 'roles'>>(TOKEN_GRANT)
  const refused = db.prepare<[number], RefusedCaller>(REFUSED_CALLERS)
  return {
    tokens: () => tokens.all().map((row) => ({ ...row, roles: rolesOf(row.roles) })),
    tokenGrant(sha256) {
      const row = grant.get(sha256)
      return row === undefined ? undefined : { name: row.name, roles: rolesOf(row.roles) }
    },
    refusedCallers: (limit) => refused.all(limit),
  }
}

const rolesOf = (text: string): readonly Role[] => JSON.parse(text)

/** The audit trail, newest first, and the check of its chain. */
export function readAudit(db: Connection): Pick<ReaderVerbs, 'auditEvents' | 'auditEvent' | 'auditSlice'> {
  const { page } = pager(db)
  const view = db.prepare<[string, number], AuditColumns>(AUDIT_VIEW)
  const slice = db.prepare<[number, number], ChainedColumns>(AUDIT_SLICE)
  return {
    auditEvents: (selection, request) => page('e', auditSources(selection), request, toAuditRow),
    auditEvent(node, sequence) {
      const row = view.get(node, sequence)
      return row === undefined ? undefined : toAuditRow(row)
    },
    auditSlice: (from = { seq: 0, events: 0, heads: new Map() }) => checkSlice(slice.all(from.seq, SLICE), from),
  }
}

function checkSlice(rows: readonly ChainedColumns[], from: AuditCursor): AuditSlice {
  const heads = new Map(from.heads)
  let events = from.events
  for (const row of rows) {
    const head = heads.get(row.node) ?? { sequence: 0, hash: CHAIN_START }
    if (!follows(head, row) || !LISTABLE.has(row.listed)) return { events, firstBroken: row.sequence, next: undefined }
    heads.set(row.node, { sequence: row.sequence, hash: row.hash })
    events += 1
  }
  const seq = rows.at(-1)?.seq
  const isEnd = seq === undefined || rows.length < SLICE
  return { events, firstBroken: null, next: isEnd ? undefined : { seq, events, heads } }
}

function toAuditRow({ seq: _, at, ...row }: AuditColumns): AuditRow {
  return { ...row, at: at as Instant }
}

/** The events in the indexes, and the last few hundred, which are not in them yet (`audit-listing.ts`). */
export function auditSources({ event, actor, after, before, subjectId }: AuditSelection): readonly Source[] {
  const { where, params } = conditions([
    ['e.subject_id = ?', subjectId],
    ['e.event = ?', event],
    ['e.actor = ?', actor],
    ['e.at >= ?', after],
    ['e.at < ?', before],
  ])
  return ['e.listed = 1', 'e.listed = 0'].map((which) => {
    return { select: AUDIT_SELECT, where: [which, ...where], params, at: 'e.at', seq: 'e.seq' }
  })
}
