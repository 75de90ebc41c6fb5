import { ask } from './graphql-client.ts'
import type { KurirProcess } from './processes.ts'

/** A token of a running Kurir with which one may hand instances in. */
export async function ingestToken(kurir: Pick<KurirProcess, 'adminPort' | 'dataDir'>): Promise<string> {
  const made = await ask<{ tokenCreate: { token: string } }>(
    kurir,
    'mutation { tokenCreate(input: { name: "ingest", roles: [INGEST] }) { ... on TokenCreateSuccess { token } } }',
  )
  return made.tokenCreate.token
}
