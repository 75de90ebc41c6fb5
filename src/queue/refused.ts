import { KurirError } from '../base/failure.ts'

/** Whether the ledger refuses just this, and always will: a mistake of ours, and no reason to keep others waiting behind it. */
export const isRefusedForEver = (error: unknown): boolean =>
  error instanceof KurirError && error.code === 'internal' && error.retry === 'permanent'
