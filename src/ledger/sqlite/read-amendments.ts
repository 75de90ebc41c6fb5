import type { Instant } from '../../base/clock.ts'
import type { AttributeChange } from '../../dicom/resolved-edit.ts'
import type { Amendment } from '../../rules/facts.ts'
import type { AmendmentRow } from '../amendments.ts'
import type { Connection } from './connection.ts'
import type { ReaderVerbs } from './protocol.ts'

export const AMENDMENTS_VIEW = `SELECT at, made_by AS by, why AS reason, attributes, changes FROM amendment
  WHERE instance = (SELECT seq FROM instance WHERE id = ?) ORDER BY seq`
export const AMENDED_ATTRIBUTES = `SELECT attributes FROM amendment WHERE instance = ? ORDER BY seq`

interface Columns {
  readonly at: Instant
  readonly by: string
  readonly reason: string
  readonly attributes: string
  readonly changes: string
}

/** Corrections as people read them. */
export function readAmendments(db: Connection): Pick<ReaderVerbs, 'amendments'> {
  const view = db.prepare<[string], Columns>(AMENDMENTS_VIEW)
  return {
    amendments: (instance) =>
      view.all(instance).map((row): AmendmentRow => {
        const attributes: readonly Amendment[] = JSON.parse(row.attributes)
        const changes: readonly AttributeChange[] = JSON.parse(row.changes)
        return { ...row, attributes, changes }
      }),
  }
}

/** Corrections as decisions see them: all of them, the later on top. */
export function amendmentsBySeq(db: Connection): (instance: number) => readonly Amendment[] {
  const find = db.prepare<[number], string>(AMENDED_ATTRIBUTES).pluck()
  return (instance) => find.all(instance).flatMap((text): readonly Amendment[] => JSON.parse(text))
}
