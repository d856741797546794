// Sums up a CI run: `node ci-summary.mjs VITEST_REPORT TEST_EXIT_CODE OTHER_FAILURES`. Prints `N passed, N failed` as its
// only line on stdout and exits with 1 unless everything ran and passed.
import { readFileSync } from 'node:fs';
import { argv, stderr, stdout } from 'node:process';

function readCounts(path) {
  try {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
      readFileSync(path, 'utf8'),
    );
    // A file that could not even be loaded has failed without a failed test in it.
    const brokenFiles = testResults.filter(
      ({ status, assertionResults }) =>
        status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
    );
    return {
      passed: numPassedTests,
      failed: numFailedTests + brokenFiles.length,
      skipped: numPendingTests + numTodoTests,
    };
  } catch (error) {
    stderr.write(`ci: the tests left no report (${error.message})\n`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

const counts = readCounts(argv[2]);
// Checks that failed, and a test run that ended badly although every test passed (an error outside the tests).
let failed = counts.failed + Number(argv[4] ?? 0);
if (Number(argv[3]) !== 0 && counts.failed === 0) failed += 1;
if (counts.passed === 0 && failed === 0) failed = 1;

const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
stdout.write(`${counts.passed} passed, ${failed} failed${skipped}\n`);
process.exitCode = failed === 0 ? 0 : 1;
