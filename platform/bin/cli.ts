#!/usr/bin/env node
/** The `pilotfish` command: the process around the command line. */
import { extname, join } from 'node:path';
import { type CliContext, runCli } from '#cli';

const controller = new AbortController();

// The first Ctrl-C lets the command clean up, the second does not wait for it.
process.on('SIGINT', () => (controller.signal.aborted ? process.exit(130) : controller.abort()));

// `pilotfish list | head` closes the pipe early: no reason for a stack trace.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

// Beside this bundle, or where bundles go when it runs from source.
const dist =
  extname(import.meta.filename) === '.ts' ? join(import.meta.dirname, '..', '..', 'dist') : import.meta.dirname;
const toolsFile = join(dist, 'tools.json');

const { stdin, stdout, stderr, env } = process;
const context: CliContext = { stdin, stdout, stderr, env, toolsFile, signal: controller.signal };
const exitCode = await runCli(context, process.argv.slice(2));

// Written data may still be on its way into a pipe; sockets and timers that a command left must not keep the process.
stdout.write('', () => stderr.write('', () => process.exit(exitCode)));
