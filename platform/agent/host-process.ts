/** One process of the instance host, from its fork to its end; before `adopt` it belongs to no function. */
import { mkdirSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { AgentConfig } from '#model';
import { instanceCommand, instanceEnvironment } from './instance-command.ts';
import type { SpawnerClient } from './spawner-client.ts';

export interface HostSettings {
  readonly config: AgentConfig;
  readonly spawner: SpawnerClient;
  /** Script of the instance host, the node binary, and the words in front of it. */
  readonly hostScript: string;
  readonly nodeBinary: string;
  readonly confiningPrefix: readonly string[];
  /** Tells the launcher of a process that must not outlive this agent. */
  readonly onProcess: (event: { pid: number; startTicks: string } | { endedPid: number }) => void;
}

/** Who a host works for. */
export interface HostOwner {
  readonly connected: (socket: Socket, early: Buffer) => void;
  readonly output: (level: 'info' | 'error', text: string) => void;
  /** Called exactly once. */
  readonly ended: (reason: string) => void;
}

export class HostProcess {
  readonly id: string;
  pid = 0;
  /** Told when it ends while it belongs to nobody. */
  onIdleEnd: () => void = () => undefined;
  readonly #settings: HostSettings;
  readonly #scratch: string;
  #owner: HostOwner | undefined;
  #connection: { readonly socket: Socket; readonly early: Buffer } | undefined;
  #endReason: string | undefined;

  /** `memoryBytes` is fixed for the process's life: the heap's limit is an argument of its command line. */
  constructor(id: string, memoryBytes: number, settings: HostSettings) {
    const { config, spawner } = settings;
    this.id = id;
    this.#settings = settings;
    this.#scratch = join(config.runDirectory, 'scratch', id);
    mkdirSync(this.#scratch, { recursive: true, mode: 0o700 });
    const argv = instanceCommand({
      node: settings.nodeBinary,
      host: settings.hostScript,
      memoryBytes,
      readable: [join(config.nodeDirectory, 'artifacts'), join(config.runDirectory, 'spool')],
      scratch: this.#scratch,
      prefix: settings.confiningPrefix,
    });
    spawner.spawn(
      { instance: id, argv, env: instanceEnvironment, cwd: this.#scratch },
      {
        started: (pid, startTicks) => this.#started(pid, startTicks),
        connected: (socket, early) => this.#connected(socket, early),
        output: (level, text) => this.#owner?.output(level, text),
        ended: (reason) => this.#ended(reason),
      },
    );
  }

  /** Gives it to a function; what has happened already is told at once. */
  adopt(owner: HostOwner): void {
    this.#owner = owner;
    if (this.#endReason !== undefined) owner.ended(this.#endReason);
    else if (this.#connection) owner.connected(this.#connection.socket, this.#connection.early);
  }

  get alive(): boolean {
    return this.#endReason === undefined;
  }

  kill(signal: 'SIGTERM' | 'SIGKILL'): void {
    this.#settings.spawner.kill(this.id, signal);
  }

  #started(pid: number, startTicks: string): void {
    this.pid = pid;
    this.#settings.onProcess({ pid, startTicks });
  }

  #connected(socket: Socket, early: Buffer): void {
    if (this.#owner) return this.#owner.connected(socket, early);
    this.#connection = { socket, early };
  }

  #ended(reason: string): void {
    rmSync(this.#scratch, { recursive: true, force: true });
    if (this.pid > 0) this.#settings.onProcess({ endedPid: this.pid });
    this.#endReason = reason;
    if (this.#owner) this.#owner.ended(reason);
    else this.onIdleEnd();
  }
}
