/**
 * Forks instances at the agent's word and tells how they end. It must be the instances' parent from its main thread:
 * the parent-death signal follows the thread that forked. When the agent goes, it goes, and the instances with it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { FrameWriter, frameTypes } from '#frames';
import { readStartTicks, type SpawnerReport, type SpawnerRequest, type SpawnRequest } from '#model';
import { LineForwarder } from './forward-lines.ts';
import { endStrays } from './strays.ts';

interface Started {
  readonly process: ChildProcess;
  /** Of a process that may start others; undefined for a host of ours, which may not. */
  readonly scratch: string | undefined;
}

/** Starts listening on the IPC channel of the process; returns at once. */
export function runSpawner(): void {
  const children = new Map<string, Started>();
  const report = (message: SpawnerReport) => {
    // Whoever has gone meanwhile needs no report.
    if (process.connected) process.send?.(message, () => undefined);
  };
  process.on('message', (request: SpawnerRequest) => {
    if (request.kind === 'spawn') startInstance(request, children, report);
    else if (request.kind === 'pin') pin(children.get(request.instance)?.process, request.cores);
    else killGroup(children.get(request.instance)?.process, request.signal);
  });
  process.on('disconnect', () => {
    for (const child of children.values()) endAll(child);
    process.exit(0);
  });
}

function startInstance(
  request: SpawnRequest,
  children: Map<string, Started>,
  report: (message: SpawnerReport) => void,
): void {
  const { instance } = request;
  const failed = (error: Error) => report({ kind: 'failed', instance, message: error.message });
  const socket = createConnection(request.socketPath);
  socket.once('error', failed);
  // Paused before it connects: bytes that the agent sends belong to the child, none may be read here.
  socket.pause();
  socket.once('connect', () => {
    const hello = new FrameWriter(socket);
    hello.write(frameTypes.hello, 0, 0, JSON.stringify({ instance }));
    hello.flush();
    socket.write('', () => forkInstance(request, socket, children, report));
  });
}

function forkInstance(
  request: SpawnRequest,
  socket: Socket,
  children: Map<string, Started>,
  report: (message: SpawnerReport) => void,
): void {
  const { instance, argv } = request;
  const child = spawn(argv[0], argv.slice(1), {
    cwd: request.cwd,
    env: request.env,
    // An own process group, so that what the function itself starts can be ended with it.
    detached: true,
    stdio: request.transport === 'stdio' ? [socket, socket, 'pipe'] : ['ignore', 'pipe', 'pipe', socket],
  });
  socket.destroy();
  child.once('error', (error) => report({ kind: 'failed', instance, message: error.message }));
  if (child.pid === undefined) return;
  // Only a foreign process has a HOME.
  const started = { process: child, scratch: request.env['HOME'] === undefined ? undefined : request.cwd };
  children.set(instance, started);
  preferForOutOfMemory(child.pid);
  report({ kind: 'spawned', instance, pid: child.pid, startTicks: readStartTicks(child.pid) ?? '0' });
  const lines = new LineForwarder(instance, report);
  lines.forward(child.stdout, 'info');
  lines.forward(child.stderr, 'error');
  child.once('exit', (code, signal) => {
    endAll(started);
    children.delete(instance);
    report({ kind: 'exited', instance, code, signal });
  });
}

/** When the node runs out of memory, the kernel should take an instance and not the agent. */
function preferForOutOfMemory(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, '900');
  } catch {
    // It has ended already, or the system does not allow it: the watchdog of its memory remains.
  }
}

function pin(child: ChildProcess | undefined, cores: readonly number[]): void {
  if (child?.pid === undefined) return;
  // What cannot be pinned runs wherever there is time; the agent has tried taskset before it asked.
  spawn('taskset', ['-a', '-c', '-p', cores.join(','), String(child.pid)], { stdio: 'ignore' }).on(
    'error',
    () => undefined,
  );
}

function endAll({ process: child, scratch }: Started): void {
  killGroup(child, 'SIGKILL');
  if (scratch !== undefined) endStrays(scratch);
}

function killGroup(child: ChildProcess | undefined, signal: NodeJS.Signals): void {
  if (child?.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone already: nothing is left to end.
  }
}
