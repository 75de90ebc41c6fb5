import { Worker } from 'node:worker_threads'
import { KurirError } from '../base/failure.ts'
import type { ShadowReport } from '../report/shadow-report.ts'
import type { FromShadow, ShadowRequest } from './shadow-protocol.ts'

/**
 * Replays past instances through a candidate ruleset, in threads of its own.
 *
 * @throws KurirError `invalid-rules`, `not-found` when no rules were ever in force, `disk-io`, `aborted` by the signal
 */
export async function runShadow(
  request: ShadowRequest,
  signal: AbortSignal,
  progress: (instances: number) => void = () => {},
): Promise<ShadowReport> {
  // The process's own environment cannot be copied into a thread; its contents can.
  const workerData: ShadowRequest = { ...request, environment: { ...request.environment } }
  const worker = new Worker(new URL('./shadow-worker.ts', import.meta.url), { workerData })
  const { promise, resolve, reject } = Promise.withResolvers<ShadowReport>()
  worker.on('message', (message: FromShadow) => {
    if (message.kind === 'progress') progress(message.instances)
    else if (message.kind === 'done') resolve(message.report)
    else reject(failureOf(message.failure))
  })
  worker.once('error', (cause) => reject(new KurirError('internal', 'transient', 'the replay ended', { cause })))
  worker.once('exit', () => reject(failureOf(null)))
  const stop = (): void => reject(new KurirError('aborted', 'transient', 'the replay was stopped'))
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await promise
  } finally {
    signal.removeEventListener('abort', stop)
    await worker.terminate()
  }
}

const failureOf = (failure: Pick<KurirError, 'code' | 'retry' | 'message'> | null): KurirError =>
  failure === null
    ? new KurirError('internal', 'permanent', 'the replay failed; this is a mistake of ours')
    : new KurirError(failure.code, failure.retry, failure.message)
