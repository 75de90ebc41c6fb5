import { expect, test } from '@jest/globals'
import { is } from 'drizzle-orm'
import { getTableConfig, SQLiteTable } from 'drizzle-orm/sqlite-core'
import * as schema from '../../src/ledger/sqlite/schema.ts'
import * as moments from '../../src/ledger/sqlite/schema-moments.ts'
import { openWriterHere } from './open-writer.ts'

const TABLES = Object.values({ ...schema, ...moments }).flatMap((each) => (is(each, SQLiteTable) ? [each] : []))

test('the migrations make what the schema says: every table, column, index and check', async () => {
  using opened = await openWriterHere()
  const made = opened.db.prepare<[], { name: string; sql: string | null }>('SELECT name, sql FROM sqlite_schema').all()
  const sqlOf = new Map(made.map(({ name, sql }) => [name, sql ?? '']))
  expect(TABLES.length).toBeGreaterThan(14)
  for (const table of TABLES) {
    const { name, columns, indexes, checks } = getTableConfig(table)
    const rows = opened.db.prepare<[], { name: string; notnull: number }>(`PRAGMA table_info(${name})`).all()
    expect(rows.map((row) => row.name)).toEqual(columns.map((column) => column.name))
    for (const index of indexes) expect(sqlOf.has(index.config.name)).toBe(true)
    for (const check of checks) expect(sqlOf.get(name)).toContain(`"${check.name}" CHECK`)
  }
  const triggers = made.filter(({ sql }) => sql?.startsWith('CREATE TRIGGER')).map(({ name }) => name)
  expect(triggers).toHaveLength(12)
})
