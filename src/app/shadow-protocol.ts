import type { Instant } from '../base/clock.ts'
import type { KurirError } from '../base/failure.ts'
import type { ShadowReport } from '../report/shadow-report.ts'
import type { RuleFile } from '../rules/rule-source.ts'
import type { Environment } from '../settings/settings.ts'

/** What is to be replayed through what. */
export interface ShadowRequest {
  /** The ledger's database; it is only read, beside a Kurir that serves or without one. */
  readonly file: string
  /** The rules to try. */
  readonly candidate: readonly RuleFile[]
  /** What was decided then, as it stands on record, or what the rules in force would decide today. */
  readonly against: 'record' | 'current'
  /** Studies that something came for from then on … */
  readonly since: Instant
  /** … and before this: now. */
  readonly before: Instant
  readonly environment: Environment
}

/** What the thread that replays says. A failure of null is a mistake of ours. */
export type FromShadow =
  | { readonly kind: 'progress'; readonly instances: number }
  | { readonly kind: 'done'; readonly report: ShadowReport }
  | { readonly kind: 'failed'; readonly failure: Pick<KurirError, 'code' | 'retry' | 'message'> | null }
