import type { Steps } from '../../src/dicomweb/steps.ts'

/** Does work in steps to its end without a pause: nobody else waits. */
export function atOnce<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}
