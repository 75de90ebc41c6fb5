import type { Page } from '../../ledger/views.ts'

/** The fields that every connection has. */
export function pageFields<Row>() {
  return {
    edges: (page: Page<Row>) => page.rows.map(({ cursor, row }) => ({ cursor, node: row })),
    nodes: (page: Page<Row>) => page.rows.map(({ row }) => row),
    pageInfo: (page: Page<Row>) => ({
      hasNextPage: page.hasNext,
      hasPreviousPage: page.hasPrevious,
      startCursor: page.rows[0]?.cursor ?? null,
      endCursor: page.rows.at(-1)?.cursor ?? null,
    }),
  }
}
