import type { Caller } from './caller.ts'
import type { CompiledDestination } from './destinations.ts'
import type { Keys } from './keys.ts'
import type { OtherwiseOutcome } from './otherwise.ts'
import type { Rule } from './rule.ts'
import type { RuleProblem } from './rule-problem.ts'
import type { Service } from './service.ts'
import type { Source } from './source.ts'
import type { StudyOptions } from './study-options.ts'
import type { StudyNames } from './study-values.ts'

/** All files of a rules folder, compiled: what `decide` asks. Never changes. */
export interface Ruleset {
  /** SHA-256 over the files' names and contents, in hexadecimal. */
  readonly digest: string
  /** Undefined: no `callers:` section, so this machine only. */
  readonly callers: readonly Caller[] | undefined
  readonly destinations: ReadonlyMap<string, CompiledDestination>
  /** Archives that may be queried and fetched from. */
  readonly sources: ReadonlyMap<string, Source>
  readonly services: ReadonlyMap<string, Service>
  readonly rules: readonly Rule[]
  readonly study: StudySection
  readonly otherwise: OtherwiseOutcome
  /** The secrets of `hash` and `uid` by name; one whose file cannot be used is not there, and what needs it is held. */
  readonly keys: Keys
  /** The files of the keys that are not there. */
  readonly keysNotConfigured: readonly { readonly name: string; readonly file: string }[]
  /** What is no mistake and yet worth knowing, in the order of the files. */
  readonly warnings: readonly RuleProblem[]
  /** Callers that name environment variables which are not set: they admit nobody. */
  readonly callersNotConfigured: readonly { readonly name: string; readonly unset: readonly string[] }[]
}

/** What the ruleset says of the study moment. */
export interface StudySection {
  readonly options: StudyOptions
  /** Whether there is any rule for it: without one a study needs no round. */
  readonly hasRules: boolean
  /** Whether one of them forwards, holds or discards, so that it may want an instance. */
  readonly wants: boolean
  /** What they look at over all instances. */
  readonly names: StudyNames
}
