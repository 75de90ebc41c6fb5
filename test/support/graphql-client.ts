import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { KurirProcess } from './processes.ts'

/** Asks a running Kurir as its administrator. Rejects when the answer has errors. */
export async function ask<Data>(
  kurir: Pick<KurirProcess, 'adminPort' | 'dataDir'>,
  query: string,
  variables: Readonly<Record<string, unknown>> = {},
): Promise<Data> {
  const token = await readFile(path.join(kurir.dataDir, 'admin-token'), 'utf8')
  const response = await fetch(`http://127.0.0.1:${kurir.adminPort}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token.trim()}` },
    body: JSON.stringify({ query, variables }),
  })
  const answer = (await response.json()) as { data?: Data; errors?: readonly { message: string }[] }
  if (answer.errors !== undefined || answer.data === undefined) {
    throw new Error(`GraphQL ${response.status}: ${answer.errors?.map((error) => error.message).join('; ')}`)
  }
  return answer.data
}
