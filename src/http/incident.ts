import { fileURLToPath } from 'node:url'
import { KurirError } from '../base/failure.ts'
import type { LogFields } from '../base/log.ts'

const OURS = fileURLToPath(new URL('../', import.meta.url))
const FRAME = /^([\w./-]+\.ts):(\d+):(\d+)/

/**
 * What the log may say of something thrown: its kind and the nearest line of ours. Never its message, which can repeat
 * what a caller or a database row said (wall W11).
 */
export function whereThrown(error: unknown): LogFields {
  if (!Error.isError(error)) return { code: 'internal', reason: typeof error }
  const frame = FRAME.exec(error.stack?.split(OURS)[1] ?? '')
  return {
    code: error instanceof KurirError ? error.code : 'internal',
    reason: error.name,
    ...(frame === null ? {} : { file: `src/${frame[1]}`, line: Number(frame[2]), column: Number(frame[3]) }),
  }
}
