import type { ShadowSource } from '../admin/sources.ts'
import { loadRuleset } from '../rules/load-ruleset.ts'
import { readKeyFile } from '../rules/read-key-file.ts'
import type { Environment } from '../settings/settings.ts'
import { runShadow } from './shadow.ts'

/** @param file the ledger's database, which a replay opens for itself to read */
export function shadowSource(file: string, environment: Environment): ShadowSource {
  return {
    check(files) {
      const loaded = loadRuleset(files, environment, readKeyFile)
      if ('problems' in loaded) return { kind: 'refused', problems: loaded.problems }
      return { kind: 'checked', digest: loaded.ruleset.digest }
    },
    run: ({ files, ...wish }, signal, progress) =>
      runShadow({ ...wish, file, environment, candidate: files }, signal, progress),
  }
}
