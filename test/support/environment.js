// Jest's own environment for Node. It says what the processes and worker threads that tests start make of their compiled code.
// Most take it from the cache, as Kurir does, and start in half the time. When coverage is wanted, those of the folders below
// write down what they ran (NODE_V8_COVERAGE), which Jest itself cannot see; that is exact only for what was compiled anew.
// Jest must not be started with that variable: it would write down every library once for each test file.
import { fileURLToPath } from 'node:url'
import { TestEnvironment } from 'jest-environment-node'

/** Their subject runs in processes and threads; what the others start is started here too. */
const WRITES_DOWN = /\/test\/(?:(?:app|cli|conformance|flow|ledger|reload|services)\/)?[^/]*\.test\.ts$/
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/kurir/compile', import.meta.url))

export default class extends TestEnvironment {
  constructor(config, context) {
    const folder = process.env.KURIR_COVERAGE_DIR
    if (folder !== undefined && WRITES_DOWN.test(context.testPath)) {
      process.env.NODE_V8_COVERAGE = folder
      delete process.env.NODE_COMPILE_CACHE
    } else {
      delete process.env.NODE_V8_COVERAGE
      process.env.NODE_COMPILE_CACHE = CACHE
    }
    super(config, context)
  }
}
