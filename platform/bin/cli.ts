#!/usr/bin/env node
/** The `pilotfish` command: the process around the command line. */
import { extname, join } from 'node:path';
import { type CliContext, runCli } from '#cli';

const controller = new AbortController();

/** Taking back a half-started pilot takes a tenth of this, or its scheduler is busy: an impatient second Ctrl-C must not leave half of it. */
const cleanUpMs = 10_000;

// The first signal lets the command clean up, a second one bounds how long that may take, a third one ends it.
let signals = 0;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    signals += 1;
    if (signals === 1) controller.abort();
    else if (signals === 2) setTimeout(leaveHalf, cleanUpMs).unref();
    else leaveHalf();
  });
}

function leaveHalf(): never {
  process.stderr.write('note: stopped in the middle of cleaning up; `pilotfish pilot list` shows what is left\n');
  process.exit(130);
}

// `pilotfish list | head` closes the pipe early: no reason for a stack trace.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
// Notes that nobody reads any more change nothing of what the command does.
process.stderr.on('error', () => undefined);

// Beside this bundle, or where bundles go when it runs from source.
const dist =
  extname(import.meta.filename) === '.ts' ? join(import.meta.dirname, '..', '..', 'dist') : import.meta.dirname;
const toolsFile = join(dist, 'tools.json');

const { stdin, stdout, stderr, env } = process;
const context: CliContext = { stdin, stdout, stderr, env, toolsFile, signal: controller.signal };
const exitCode = await runCli(context, process.argv.slice(2));

// Written data may still be on its way into a pipe; sockets and timers that a command left must not keep the process.
stdout.write('', () => stderr.write('', () => process.exit(exitCode)));
