// Jest's own environment for Node. When coverage is wanted, the processes and worker threads that tests start write down
// what they ran (NODE_V8_COVERAGE), which Jest itself cannot see. Jest must not be started with that variable: it would
// write down every library once for each test file.
import { TestEnvironment } from 'jest-environment-node'

export default class extends TestEnvironment {
  constructor(config, context) {
    const folder = process.env.KURIR_COVERAGE_DIR
    if (folder !== undefined) process.env.NODE_V8_COVERAGE = folder
    super(config, context)
  }
}
