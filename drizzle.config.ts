import { defineConfig } from 'drizzle-kit'

export default defineConfig({
  dialect: 'sqlite',
  schema: ['./src/ledger/sqlite/schema.ts', './src/ledger/sqlite/schema-moments.ts'],
  out: './migrations',
  strict: true,
})
