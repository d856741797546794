/** `local://`: nodes that are addresses of this machine's loopback, each with its own launcher. */
import { spawn } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { NodeStart, PilotAdapter, StartedNode } from './adapter.ts';
import { isAlive, signalProcess } from './files/processes.ts';
import { parseProgress } from './files/progress.ts';

/** The first node's address is 127.0.0.11: below it live resolvers and other tools. */
const firstHost = 11;

/** `launcher`: what to run, before its own arguments. */
export function createLocalAdapter(launcher: readonly string[]): PilotAdapter {
  return {
    scheme: 'local',
    hostOf: (index) => `127.0.0.${firstHost + index}`,
    startNode: (start) => startNode(launcher, start),
    signal: signalProcess,
    isAlive,
  };
}

function startNode(launcher: readonly string[], start: NodeStart): StartedNode {
  const log = openSync(
    start.logFile,
    constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW,
    0o600,
  );
  const [program = '', ...args] = [...launcher, '--config', start.configFile, '--progress-fd', '3'];
  // Its own session: Ctrl-C in this terminal is for the command, not for the pilot.
  const child = spawn(program, args, {
    cwd: start.config.nodeDirectory,
    detached: true,
    stdio: ['ignore', log, log, 'pipe'],
  });
  closeSync(log);
  const pipe = child.stdio[3] as Readable;
  let released = false;
  let ended = false;
  const onEnd = (reason: string) => {
    if (released || ended) return;
    ended = true;
    start.onEnd(reason);
  };
  pipe.on('error', () => undefined);
  createInterface({ input: pipe }).on('line', (line) => {
    const progress = parseProgress(line);
    if (progress) start.onProgress(progress);
  });
  child.once('error', (error) => onEnd(error.message));
  // "close" and not "exit": its last words on the pipe come first.
  child.once('close', (code, signal) => onEnd(signal ?? `exit code ${code}`));
  return {
    node: start.config.node,
    release: () => {
      released = true;
      pipe.destroy();
      child.unref();
    },
  };
}
