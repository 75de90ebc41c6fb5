// Prints the one closing line that a CI reads, and names what was skipped.
export default class SummaryReporter {
  onRunComplete(_contexts, results) {
    const skipped = results.testResults.flatMap((file) =>
      file.testResults.filter((test) => test.status === 'pending').map((test) => test.fullName),
    )
    for (const name of skipped) process.stdout.write(`skipped: ${name}\n`)
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites
    const tail = skipped.length > 0 ? `, ${skipped.length} skipped` : ''
    process.stdout.write(`${results.numPassedTests} passed, ${failed} failed${tail}\n`)
  }
}
