// One runner for all tests. `npm test` leaves out *.long.test.ts (minutes); `npm run test:long` runs only those.
import { defineConfig } from 'vitest/config';

// System tests start whole pilots; more than two files at once would starve their processes on a small machine.
const maxWorkers = 2;

export default defineConfig(({ mode }) => ({
  test: {
    include: [
      mode === 'long'
        ? 'test/**/*.long.test.ts'
        : 'test/{unit,contract,integration,system,architecture,fuzz}/**/*.test.ts',
    ],
    exclude: mode === 'long' ? ['node_modules/**'] : ['node_modules/**', 'test/**/*.long.test.ts'],
    pool: 'forks',
    maxWorkers,
    // A pilot's start, kill and recovery within one test; what needs longer says so itself or is a long test.
    testTimeout: mode === 'long' ? 600_000 : 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
    reporters: ['default'],
    // A test file without tests, or a pattern that matches nothing, is a failure and not a green run.
    passWithNoTests: false,
    // A forgotten `.only` must not hide the others.
    allowOnly: false,
  },
}));
