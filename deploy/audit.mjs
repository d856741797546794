// `npm run audit`: what is known against the packages of the lock file. First by the record in deploy/advisories.json, then
// by whatever registry npm is set up with; what stands behind `--` goes to `npm audit`, for example `--omit=dev`.
// Exit code 0: nothing, or what is accepted there with its reason; 1: something else; 3: the registry cannot be asked, and the
// record alone has spoken.
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { argv, stderr, stdout } from 'node:process';
import { fileURLToPath } from 'node:url';
import { findingsOf, packagesOf, problemsOf, readAdvisories } from './lib/advisories.mjs';
import { run } from './lib/run.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const answerWaitMsMax = 2 * 60_000;
// A finding takes some 500 characters.
const answerCharsMax = 4_000_000;

/** The answer as JSON; what npm says around it begins each line with its own name. */
function parseAnswer(output) {
  try {
    return JSON.parse(
      output
        .split('\n')
        .filter((line) => !line.startsWith('npm '))
        .join('\n'),
    );
  } catch {
    // No JSON: npm could not be run, or ended before it had an answer.
    return undefined;
  }
}

const record = readAdvisories(root);
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
const problems = problemsOf(lock, record);
for (const line of problems) stdout.write(`${line}\n`);
const names = new Set(packagesOf(lock).map(({ name }) => name));
stderr.write(`audit: ${names.size} packages, looked up on ${record.lookedUpOn}: ${problems.length} to be looked at\n`);
for (const [id, reason] of Object.entries(record.accepted)) stderr.write(`audit: ${id} is accepted: ${reason}\n`);

const { output } = await run('npm', ['audit', '--json', ...argv.slice(2)], {
  cwd: root,
  waitMsMax: answerWaitMsMax,
  outputCharsMax: answerCharsMax,
});
const answer = parseAnswer(output);
const findings = findingsOf(answer, record.accepted);
for (const line of findings ?? []) stdout.write(`${line}\n`);
stderr.write(
  findings
    ? `audit: the registry knows of ${findings.length} more\n`
    : `audit: the registry that npm is set up with does not say (${answer?.message ?? (output.split('\n').at(-1) || 'no answer')}): ask another one, or give sbom.cdx.json of an install to a scanner\n`,
);
if (problems.length > 0 || findings?.length > 0) process.exitCode = 1;
else if (!findings) process.exitCode = 3;
