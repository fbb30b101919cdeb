export default {
  roots: ['<rootDir>/src', '<rootDir>/test'],
  testMatch: ['**/*.test.ts', '**/*.test.tsx'],
  // Test files run in plain Node.js, several one after another in a process that has the broker loaded already. Jest's
  // own runner loads it into a new VM for each file, which took longer than the tests.
  runner: '<rootDir>/test/support/test-runner.mjs',
  setupFiles: ['<rootDir>/test/support/typescript-loader.mjs'],
  setupFilesAfterEnv: ['<rootDir>/test/support/time-limit.mjs'],
  transform: {},
  globalSetup: '<rootDir>/test/support/start-postgres.mjs',
  globalTeardown: '<rootDir>/test/support/stop-postgres.mjs',
  testSequencer: '<rootDir>/test/support/longest-first.mjs',
  // On two cores: tests that start processes or wait leave time for others.
  maxWorkers: 3,
  // A test that failed halfway may have left a connection open.
  forceExit: true,
};
