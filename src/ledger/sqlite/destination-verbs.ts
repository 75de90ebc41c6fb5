import type { WriterVerbs } from './protocol.ts'
import type { WriteContext } from './write-context.ts'

export const DESTINATION_OF = `SELECT paused_by AS pausedBy, paused_until AS pausedUntil, down_since AS downSince
  FROM destination WHERE name = ?`
export const DESTINATION_DOWN = `INSERT INTO destination (name, down_since, down_failures, down_probe_at, down_reason)
  VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET down_since = coalesce(down_since, excluded.down_since),
  down_failures = excluded.down_failures, down_probe_at = excluded.down_probe_at, down_reason = excluded.down_reason`
export const DESTINATION_UP = `UPDATE destination SET down_since = NULL, down_failures = NULL, down_probe_at = NULL,
  down_reason = NULL WHERE name = ? AND down_since IS NOT NULL`
export const DESTINATION_NOTES = `INSERT INTO destination (name, notes) VALUES (?, ?)
  ON CONFLICT (name) DO UPDATE SET notes = excluded.notes`
export const DESTINATION_PAUSE = `INSERT INTO destination (name, paused_by, paused_reason, paused_until) VALUES (?, ?, ?, ?)
  ON CONFLICT (name) DO UPDATE SET paused_by = excluded.paused_by, paused_reason = excluded.paused_reason,
  paused_until = excluded.paused_until`
export const DESTINATION_RESUME = `UPDATE destination SET paused_by = NULL, paused_reason = NULL, paused_until = NULL
  WHERE name = ?`

interface ConditionRow {
  readonly pausedBy: string | null
  readonly pausedUntil: number | null
  readonly downSince: number | null
}
type DestinationVerb =
  | 'destinationDown'
  | 'destinationUp'
  | 'destinationNotes'
  | 'destinationPause'
  | 'destinationResume'

/** What is known of the ways out. Which destinations exist is the rules' to say: any name is taken. */
export function destinationVerbs(context: WriteContext): Pick<WriterVerbs, DestinationVerb> {
  const { db } = context
  const find = db.prepare<[string], ConditionRow>(DESTINATION_OF)
  const down = db.prepare(DESTINATION_DOWN)
  const up = db.prepare<[string]>(DESTINATION_UP)
  const notes = db.prepare<[string, string]>(DESTINATION_NOTES)
  const pause = db.prepare(DESTINATION_PAUSE)
  const resume = db.prepare<[string]>(DESTINATION_RESUME)

  function audit(
    event: 'Down' | 'Up' | 'Paused' | 'Resumed',
    name: string,
    actor: string,
    detail: string | null,
  ): void {
    const note = { event: `Destination ${event}`, actor, outcome: event.toLowerCase(), detail } as const
    context.audit.append(context.at(), { ...note, subject: ['Destination', name] })
    context.wake(`destination:${name}`)
  }

  return {
    destinationDown(name, failures, probeAt, reason) {
      const wasDown = (find.get(name)?.downSince ?? null) !== null
      down.run(name, context.at(), failures, probeAt, reason)
      if (!wasDown) audit('Down', name, 'dispatcher', reason)
    },
    destinationUp(name) {
      if (up.run(name).changes === 0) return
      audit('Up', name, 'dispatcher', null)
      context.wake(`deliver:${name}`)
    },
    destinationNotes(name, text) {
      notes.run(name, text)
    },
    destinationPause(name, reason, until, by) {
      pause.run(name, by.name, reason, until)
      audit('Paused', name, by.name, reason)
      return { kind: 'ok', value: name }
    },
    destinationResume(name, by) {
      const row = find.get(name)
      if (row === undefined || row.pausedBy === null) return { kind: 'not-allowed-now', state: 'not paused' }
      resume.run(name)
      audit('Resumed', name, by.name, null)
      context.wake(`deliver:${name}`)
      return { kind: 'ok', value: name }
    },
  }
}
