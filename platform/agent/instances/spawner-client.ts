/** The agent's side of the spawner: starts it, restarts it, and gives each new instance its socket. */
import { type ChildProcess, fork } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { PlatformError } from '#common';
import { FrameReader, frameTypes, type HelloHeader, hostExitWithoutAgent, readJson } from '#frames';
import type { SpawnerReport, SpawnerRequest, SpawnRequest } from '#model';
import type { Logger } from '#telemetry';

/** What happens to one started process, told to who asked for it. */
export interface ProcessEvents {
  readonly started: (pid: number, startTicks: string) => void;
  /** Its frame socket; the first chunk after the hello may already be there. */
  readonly connected: (socket: Socket, early: Buffer) => void;
  /** `dropped`: no line, but so many that came too fast. */
  readonly output: (level: 'info' | 'error', text: string, dropped?: number) => void;
  /** Called exactly once, also when it never started. */
  readonly ended: (reason: string) => void;
}

export interface SpawnerClientOptions {
  /** Program and arguments that start the spawner; the last is its script. */
  readonly script: string;
  readonly execPath: string;
  /** Named in its arguments, which it does not read: by them `down` finds it, also where it is stopped and hears nothing. */
  readonly configFile?: string;
  readonly socketPath: string;
  readonly logger: Logger;
}

/** The hello comes with the connection, but a node that boots hundreds of hosts at once may read it late; without one it is no spawner. */
const helloWaitMs = 20_000;
/** A hello names an instance and says nothing else. */
const helloBytesMax = 4_096;

export class SpawnerClient {
  readonly #options: SpawnerClientOptions;
  readonly #waiting = new Map<string, ProcessEvents>();
  readonly #server: Server;
  #spawner: ChildProcess | undefined;
  #closed = false;

  private constructor(options: SpawnerClientOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  static async start(options: SpawnerClientOptions): Promise<SpawnerClient> {
    const client = new SpawnerClient(options);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    client.#server.once('error', reject);
    client.#server.listen(options.socketPath, resolve);
    await promise;
    client.#fork();
    return client;
  }

  spawn(request: Omit<SpawnRequest, 'kind' | 'socketPath'>, events: ProcessEvents): void {
    this.#waiting.set(request.instance, events);
    this.#send({ kind: 'spawn', socketPath: this.#options.socketPath, ...request });
  }

  kill(instance: string, signal: 'SIGTERM' | 'SIGKILL'): void {
    if (this.#waiting.has(instance)) this.#send({ kind: 'kill', instance, signal });
  }

  pin(instance: string, cores: readonly number[]): void {
    if (this.#waiting.has(instance)) this.#send({ kind: 'pin', instance, cores });
  }

  /** Ends the spawner, and with it every instance left. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#server.close();
    const spawner = this.#spawner;
    if (spawner && spawner.exitCode === null && spawner.signalCode === null) {
      const { promise, resolve } = Promise.withResolvers<void>();
      spawner.once('exit', () => resolve());
      if (spawner.connected) spawner.disconnect();
      else spawner.kill('SIGKILL');
      await promise;
    }
    rmSync(this.#options.socketPath, { force: true });
  }

  #send(request: SpawnerRequest): void {
    this.#spawner?.send(request, (error) => {
      if (error) this.#options.logger.warn({ error: error.message }, 'spawner did not take a request');
    });
  }

  #fork(): void {
    const { script, execPath, configFile, logger } = this.#options;
    const spawner = fork(script, configFile === undefined ? [] : ['--config', configFile], {
      execPath,
      execArgv: [],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#spawner = spawner;
    spawner.on('message', (report: SpawnerReport) => this.#handle(report));
    spawner.once('exit', (code, signal) => {
      // Its children died with it (parent-death signal): tell their owners, then start anew.
      for (const instance of [...this.#waiting.keys()]) this.#end(instance, `its spawner ended (${signal ?? code})`);
      if (this.#closed) return;
      logger.error({ code, signal }, 'spawner ended, starting another');
      this.#fork();
    });
  }

  #handle(report: SpawnerReport): void {
    const events = this.#waiting.get(report.instance);
    if (!events) return;
    if (report.kind === 'spawned') events.started(report.pid, report.startTicks);
    else if (report.kind === 'output') events.output(report.level, report.text, report.dropped);
    else if (report.kind === 'failed') this.#end(report.instance, `it could not be started: ${report.message}`);
    else this.#end(report.instance, describeExit(report.code, report.signal));
  }

  #end(instance: string, reason: string): void {
    const events = this.#waiting.get(instance);
    this.#waiting.delete(instance);
    events?.ended(reason);
  }

  #accept(socket: Socket): void {
    const chunks: Buffer[] = [];
    const timer = setTimeout(() => socket.destroy(), helloWaitMs);
    socket.on('error', () => socket.destroy());
    const onData = (chunk: Buffer) => {
      chunks.push(chunk);
      const hello = readHello(Buffer.concat(chunks));
      if (hello === 'none') return void socket.destroy();
      if (!hello) return;
      clearTimeout(timer);
      socket.off('data', onData);
      socket.pause();
      const events = this.#waiting.get(hello.header.instance);
      if (events) events.connected(socket, hello.rest);
      else socket.destroy();
    };
    socket.on('data', onData);
    socket.once('close', () => clearTimeout(timer));
  }
}

/** Undefined while it is not whole yet; `none` where it is something else: every process of the user could connect. */
function readHello(bytes: Buffer): { header: HelloHeader; rest: Buffer } | 'none' | undefined {
  let hello: { header: HelloHeader; rest: Buffer } | 'none' | undefined;
  const reader = new FrameReader(({ type, header, body }) => {
    if (hello) return;
    if (type !== frameTypes.hello) throw new PlatformError('invalid', 'the first frame is not a hello');
    const used = header.byteOffset + header.length + body.length - bytes.byteOffset;
    hello = { header: { instance: String(readJson<HelloHeader>(header).instance) }, rest: bytes.subarray(used) };
  });
  try {
    reader.push(bytes);
  } catch {
    return 'none';
  }
  return hello ?? (bytes.length > helloBytesMax ? 'none' : undefined);
}

function describeExit(code: number | null, signal: string | null): string {
  if (signal) return `it was ended by ${signal}`;
  const why = code === hostExitWithoutAgent ? ', as a host does that has lost its agent' : '';
  return `it exited with code ${code}${why}`;
}
