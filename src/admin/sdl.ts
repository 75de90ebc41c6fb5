import { readdirSync, readFileSync } from 'node:fs'

const SDL = new URL('../../schema/admin/', import.meta.url)

/** The whole SDL of the admin: every file of `schema/admin/`, in the order of their names. */
export function readSdl(): string {
  const files = readdirSync(SDL).filter((name) => name.endsWith('.graphql'))
  return files
    .sort()
    .map((name) => readFileSync(new URL(name, SDL), 'utf8'))
    .join('\n')
}
