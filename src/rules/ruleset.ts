import type { Caller } from './caller.ts'
import type { CompiledDestination } from './destinations.ts'
import type { OtherwiseOutcome } from './otherwise.ts'
import type { Rule } from './rule.ts'

/** All files of a rules folder, compiled: what `decide` asks. Never changes. */
export interface Ruleset {
  /** SHA-256 over the files' names and contents, in hexadecimal. */
  readonly digest: string
  /** Undefined: no `callers:` section, so this machine only. */
  readonly callers: readonly Caller[] | undefined
  readonly destinations: ReadonlyMap<string, CompiledDestination>
  readonly rules: readonly Rule[]
  readonly otherwise: OtherwiseOutcome
  /** Callers that name environment variables which are not set: they admit nobody. */
  readonly callersNotConfigured: readonly { readonly name: string; readonly unset: readonly string[] }[]
}
