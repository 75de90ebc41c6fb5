import type { Statement } from 'better-sqlite3'
import { KurirError } from '../../base/failure.ts'
import type { Page, PageRequest } from '../views.ts'
import type { Connection } from './connection.ts'

/** The longest page anybody gets. */
export const LONGEST_PAGE = 200

/** What every row of a list carries: its place, by time and then by the order of writing. */
export interface Placed {
  readonly at: number
  readonly seq: number
}

/** A list, or one of several that are merged into one: rows by (time, seq), newest first. */
export interface Source {
  /** `SELECT … FROM …`, with `at` and `seq` among its columns. */
  readonly select: string
  readonly where: readonly string[]
  readonly params: readonly (string | number)[]
  /** The columns of the order, as an index has them. */
  readonly at: string
  readonly seq: string
}

/** Where a page lies: a run of rows in one direction from an edge. */
export interface Range {
  readonly limit: number
  readonly newestFirst: boolean
  readonly after: Placed | undefined
  readonly before: Placed | undefined
}

/** Puts a place into a cursor of one list, told by its letter, so that a cursor of another is refused. */
export function formatCursor(list: string, { at, seq }: Placed): string {
  return Buffer.from(`${list}${at}.${seq}`, 'latin1').toString('base64url')
}

/** @throws KurirError `invalid-argument` when the text is no cursor of this list */
export function parseCursor(list: string, text: string): Placed {
  const match = /^([a-z])(-?\d{1,16})\.(\d{1,16})$/.exec(Buffer.from(text, 'base64url').toString('latin1'))
  if (text.length > 64 || match?.[1] !== list) throw new KurirError('invalid-argument', 'permanent', 'no such cursor')
  return { at: Number(match[2]), seq: Number(match[3]) }
}

/** @throws KurirError `invalid-argument` unless exactly one of first and last is given, between 0 and 200 */
export function rangeOf(list: string, { first, last, after, before }: PageRequest): Range {
  const limit = first ?? last
  const isOne = (first === undefined) !== (last === undefined)
  if (!isOne || limit === undefined || !Number.isInteger(limit) || limit < 0 || limit > LONGEST_PAGE) {
    throw new KurirError('invalid-argument', 'permanent', `a page is first or last 0 to ${LONGEST_PAGE}`)
  }
  return {
    limit,
    newestFirst: first !== undefined,
    after: after === undefined ? undefined : parseCursor(list, after),
    before: before === undefined ? undefined : parseCursor(list, before),
  }
}

/** The text that reads one run of a source. The same shape always gives the same text, so statements can be kept. */
export function rangeSql(source: Source, { newestFirst, after, before }: Omit<Range, 'limit'>): string {
  const { select, where, at, seq } = source
  const place = at === seq ? seq : `(${at}, ${seq})`
  const slot = at === seq ? '?' : '(?, ?)'
  const bounds = [...where]
  if (after !== undefined) bounds.push(`${place} < ${slot}`)
  if (before !== undefined) bounds.push(`${place} > ${slot}`)
  const filter = bounds.length === 0 ? '' : ` WHERE ${bounds.join(' AND ')}`
  const direction = newestFirst ? 'DESC' : 'ASC'
  const order = at === seq ? `${seq} ${direction}` : `${at} ${direction}, ${seq} ${direction}`
  return `${select}${filter} ORDER BY ${order} LIMIT ?`
}

function rangeParams(source: Source, { limit, after, before }: Range): (string | number)[] {
  const edges = [after, before].filter((edge) => edge !== undefined)
  const slots = edges.flatMap((edge) => (source.at === source.seq ? [edge.seq] : [edge.at, edge.seq]))
  return [...source.params, ...slots, limit]
}

/** Reads lists by keyset over an index, keeping the statements it has made. */
export function pager(db: Connection) {
  const statements = new Map<string, Statement<unknown[], unknown>>()

  function rowsOf<Row extends Placed>(source: Source, range: Range): readonly Row[] {
    const text = rangeSql(source, range)
    let statement = statements.get(text)
    if (statement === undefined) {
      statement = db.prepare<unknown[], unknown>(text)
      statements.set(text, statement)
    }
    // The caller wrote the SELECT and says what is in it.
    return statement.all(...rangeParams(source, range)) as Row[]
  }

  /** At most `limit` rows of all sources, in the range's direction. */
  function merged<Row extends Placed>(sources: readonly Source[], range: Range): readonly Row[] {
    const [only] = sources
    if (sources.length === 1 && only !== undefined) return rowsOf<Row>(only, range)
    const sign = range.newestFirst ? -1 : 1
    const rows = sources.flatMap((source) => rowsOf<Row>(source, range))
    return rows.sort((a, b) => sign * (a.at - b.at || a.seq - b.seq)).slice(0, range.limit)
  }

  function page<Row extends Placed, Out>(
    list: string,
    sources: readonly Source[],
    request: PageRequest,
    toRow: (row: Row) => Out,
  ): Page<Out> {
    const range = rangeOf(list, request)
    const found = merged<Row>(sources, { ...range, limit: range.limit + 1 })
    const more = found.length > range.limit
    const rows = found.slice(0, range.limit)
    const ordered = range.newestFirst ? rows : rows.toReversed()
    return {
      rows: ordered.map((row) => ({ cursor: formatCursor(list, row), row: toRow(row) })),
      hasNext: range.newestFirst ? more : range.before !== undefined,
      hasPrevious: range.newestFirst ? range.after !== undefined : more,
    }
  }

  return { page, merged }
}
