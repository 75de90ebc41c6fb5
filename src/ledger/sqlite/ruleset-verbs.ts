import type { WriterVerbs } from './protocol.ts'
import type { WriteContext } from './write-context.ts'

export const RULESET_FORGET = `DELETE FROM ruleset WHERE digest = ?`
export const RULESET_INSERT = `INSERT INTO ruleset (digest, loaded_at, loaded_by, files, summary, pin)
  VALUES (?, ?, ?, ?, ?, ?)`

/** Rulesets as they come into force, each kept once. */
export function rulesetVerbs(context: WriteContext): Pick<WriterVerbs, 'rulesetInForce'> {
  const forget = context.db.prepare<[string]>(RULESET_FORGET)
  const insert = context.db.prepare(RULESET_INSERT)
  return {
    rulesetInForce({ digest, loadedAt, by, files, summary, pin }) {
      // One that comes back gets a new row: the order of rows is the order of coming into force.
      forget.run(digest)
      insert.run(digest, loadedAt, by, JSON.stringify(files), jsonOrNull(summary), jsonOrNull(pin))
      const outcome = pin === null ? 'ruleset in force' : 'rolled back'
      const detail = pin === null ? null : JSON.stringify({ reason: pin.reason })
      const note = { event: 'Software Configuration', actor: by, outcome, detail } as const
      context.audit.append(context.at(), { ...note, subject: ['Ruleset', digest] })
    },
  }
}

const jsonOrNull = (value: object | null): string | null => (value === null ? null : JSON.stringify(value))
