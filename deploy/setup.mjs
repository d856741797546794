// Sets the clone up: dependencies, Node 24, nats-server, generated code, bundles. Plain JavaScript without packages, since
// it runs on whatever Node >= 18 started npm. Everything it says goes to stderr; a fresh clone's second run does nothing.
//   --quiet         says only what it had to do
//   --steps a,b     runs only these steps
// One file per step under setup/, each `{ name, isFresh(context), run(context) }`; what the steps share is in lib/.
import { dirname, resolve } from 'node:path';
import { argv, env, exit, stderr } from 'node:process';
import { fileURLToPath } from 'node:url';
import { resolveCacheFolder } from './lib/cache-folder.mjs';
import { acquireLock } from './lib/lock.mjs';
import { formatDuration } from './lib/report.mjs';
import { buildStep } from './setup/build.mjs';
import { dependenciesStep } from './setup/dependencies.mjs';
import { generateStep } from './setup/generate.mjs';
import { natsServerStep } from './setup/nats-server.mjs';
import { nodeStep } from './setup/node.mjs';

const steps = [dependenciesStep, nodeStep, natsServerStep, generateStep, buildStep];

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const quiet = argv.includes('--quiet');
const say = (text) => stderr.write(`set-up: ${text}\n`);

function chosenSteps() {
  const at = argv.indexOf('--steps');
  if (at < 0) return steps;
  const names = (argv[at + 1] ?? '').split(',');
  const unknown = names.find((name) => !steps.some((step) => step.name === name));
  if (unknown === undefined) return steps.filter((step) => names.includes(step.name));
  say(`unknown step "${unknown}" in --steps; there are: ${steps.map((step) => step.name).join(', ')}`);
  return exit(2);
}

async function runStep(step, context) {
  const startedMs = performance.now();
  if (step.isFresh(context)) {
    if (!quiet) say(`${step.name}: fresh`);
    return;
  }
  say(`${step.name}: ${step.does} ...`);
  try {
    const result = await step.run(context);
    say(`${step.name}: ${result} (${formatDuration(performance.now() - startedMs)})`);
  } catch (error) {
    say(`${step.name} FAILED after ${formatDuration(performance.now() - startedMs)}`);
    say(`what: ${error.message}`);
    say(`next: ${error.next ?? 'this is a fault of the set-up itself; the stack below says where'}`);
    if (error.next === undefined) stderr.write(`${error.stack}\n`);
    exit(1);
  }
}

async function main() {
  const startedMs = performance.now();
  const context = { root, env, cacheFolder: resolveCacheFolder(root, env), note: (text) => say(`  ${text}`) };
  const chosen = chosenSteps();
  if (chosen.every((step) => step.isFresh(context))) {
    if (!quiet) say(`everything is fresh (${formatDuration(performance.now() - startedMs)})`);
    return;
  }
  // Children are ended by run()'s exit handler, which a bare signal would bypass.
  process.once('SIGINT', () => exit(130));
  process.once('SIGTERM', () => exit(143));
  const lock = await acquireLock(root, say);
  try {
    // Each step looks again: another set-up may have done the work while this one waited for the lock.
    for (const step of chosen) await runStep(step, context);
  } finally {
    lock.release();
  }
  say(`done in ${formatDuration(performance.now() - startedMs)}`);
}

await main();
