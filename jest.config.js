/** @type {import('jest').Config} */
export default {
  testEnvironment: '<rootDir>/test/support/environment.js',
  setupFilesAfterEnv: ['<rootDir>/test/support/bytes-equality.ts'],
  roots: ['<rootDir>/test'],
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/test/support/strip-types.js' },
  reporters: ['default', '<rootDir>/test/support/summary-reporter.js'],
  testTimeout: 60_000,
  maxWorkers: 2,
  // What Jest sees is half of it: test/support/line-coverage.ts adds the processes and threads, and judges.
  collectCoverageFrom: ['src/**/*.ts', '!**/*.d.ts', '!src/admin/generated.ts'],
  coverageProvider: 'v8',
  coverageReporters: ['json'],
}
