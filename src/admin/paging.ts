import type { PageRequest } from '../ledger/views.ts'
import { badInput } from './bad-input.ts'

/** Rows of a page when the caller does not say. */
export const PAGE_DEFAULT = 50
const PAGE_LARGEST = 200

/** The arguments of every connection. */
export interface PageArgs {
  readonly first?: number | null
  readonly last?: number | null
  readonly after?: string | null
  readonly before?: string | null
}

/** What the ledger is asked for. Throws BAD_USER_INPUT for both ends at once or a size outside 1 to 200. */
export function readPage(args: PageArgs): PageRequest {
  const { first, last } = args
  if (typeof first === 'number' && typeof last === 'number') throw badInput('Give first or last, not both.')
  const size = first ?? last ?? PAGE_DEFAULT
  if (size < 1 || size > PAGE_LARGEST) throw badInput(`A page has from 1 to ${PAGE_LARGEST} rows.`)
  return {
    ...(typeof last === 'number' ? { last: size } : { first: size }),
    ...(typeof args.after === 'string' ? { after: args.after } : {}),
    ...(typeof args.before === 'string' ? { before: args.before } : {}),
  }
}
