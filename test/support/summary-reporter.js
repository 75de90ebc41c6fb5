// Prints the one closing line that a CI reads, and names what was skipped. In CI a skipped test is a failure, unless it
// reads the corpus and the corpus really does not stand there.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const isCi = process.env.CI === 'true' || process.env.CI === '1'
const corpus = process.env.KURIR_TEST_CORPUS ?? fileURLToPath(new URL('../../../shared/corpus', import.meta.url))

export default class SummaryReporter {
  #forbidden = 0
  #narrowed

  constructor(globalConfig) {
    // `npm test -- -t name` leaves the other tests out on purpose: those are no skips.
    this.#narrowed = Boolean(globalConfig.testNamePattern)
  }

  onRunComplete(_contexts, results) {
    const skipped = this.#narrowed ? [] : skippedTests(results)
    for (const name of skipped) process.stdout.write(`skipped: ${name}\n`)
    this.#forbidden = isCi ? skipped.filter((name) => !mayBeSkipped(name)).length : 0
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites + this.#forbidden
    const tolerated = skipped.length - this.#forbidden
    const tail = tolerated > 0 ? `, ${tolerated} skipped` : ''
    if (this.#forbidden > 0) process.stdout.write(`${this.#forbidden} were skipped, which counts as failed in CI\n`)
    process.stdout.write(`${results.numPassedTests} passed, ${failed} failed${tail}\n`)
  }

  /** Jest asks this and exits with 1 when an error comes back. */
  getLastError() {
    return this.#forbidden > 0 ? new Error('tests were skipped in CI') : undefined
  }
}

const skippedTests = (results) =>
  results.testResults.flatMap((file) =>
    file.testResults.filter((test) => test.status === 'pending' || test.status === 'todo').map((test) => test.fullName),
  )

const mayBeSkipped = (name) => name.includes('[needs the corpus]') && !existsSync(corpus)
