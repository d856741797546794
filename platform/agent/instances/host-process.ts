/** One process of the instance host, from its fork to its end; before `adopt` it belongs to no function. */
import { mkdirSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { HostPlaces, HostPlan, NodeIsolation } from '#isolation';
import type { AgentConfig } from '#model';
import { removeTreeMeanwhile } from '#security';
import { LastWords } from './last-words.ts';
import type { SpawnerClient } from './spawner-client.ts';

export interface HostSettings {
  readonly config: AgentConfig;
  readonly spawner: SpawnerClient;
  readonly hostScript: string;
  readonly nodeBinary: string;
  readonly isolation: NodeIsolation;
  /** The agent's environment. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Tells the launcher of a process that must not outlive this agent. */
  readonly onProcess: (event: { pid: number; startTicks: string } | { endedPid: number }) => void;
}

/** Who a host works for. */
export interface HostOwner {
  readonly connected: (socket: Socket, early: Buffer) => void;
  readonly output: (level: 'info' | 'error', text: string, dropped?: number) => void;
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
  readonly #lastWords = new LastWords();

  constructor(id: string, settings: HostSettings, planFor: (places: HostPlaces) => HostPlan) {
    const { config, spawner, nodeBinary, hostScript, isolation, environment } = settings;
    this.id = id;
    this.#settings = settings;
    this.#scratch = scratchOf(config.runDirectory, id);
    mkdirSync(this.#scratch, { recursive: true, mode: 0o700 });
    const readable = [
      join(config.nodeDirectory, 'artifacts'),
      join(config.runDirectory, 'spool'),
      config.claims.directory,
    ];
    const places = { nodeBinary, hostScript, readable, scratch: this.#scratch, isolation, environment };
    const { argv, env, transport } = planFor(places);
    spawner.spawn(
      { instance: id, argv, env: { ...env }, cwd: this.#scratch, transport },
      {
        started: (pid, startTicks) => this.#started(pid, startTicks),
        connected: (socket, early) => this.#connected(socket, early),
        output: (level, text, dropped) => this.#output(level, text, dropped),
        ended: (reason) => this.#ended(reason),
      },
    );
  }

  /** Gives it to a function; what has happened already is told at once. */
  adopt(owner: HostOwner): void {
    this.#owner = owner;
    this.#connection?.socket.removeAllListeners('data');
    if (this.#endReason !== undefined) owner.ended(this.#endReason);
    else if (this.#connection) owner.connected(this.#connection.socket, this.#connection.early);
  }

  /** It has started and waits for a function. */
  get booted(): boolean {
    return (this.#connection?.early.length ?? 0) > 0;
  }

  get alive(): boolean {
    return this.#endReason === undefined;
  }

  /** Binds it to these processors, all its threads. */
  pin(cores: readonly number[]): void {
    this.#settings.spawner.pin(this.id, cores);
  }

  kill(signal: 'SIGTERM' | 'SIGKILL'): void {
    this.#settings.spawner.kill(this.id, signal);
  }

  #started(pid: number, startTicks: string): void {
    this.pid = pid;
    this.#settings.onProcess({ pid, startTicks });
  }

  #output(level: 'info' | 'error', text: string, dropped?: number): void {
    if (level === 'error') this.#lastWords.add(text);
    this.#owner?.output(level, text, dropped);
  }

  #connected(socket: Socket, early: Buffer): void {
    if (this.#owner) return this.#owner.connected(socket, early);
    this.#connection = { socket, early };
    // The first that it says is that it has booted; more it does not say before it belongs to somebody.
    socket.once('data', (chunk) => {
      socket.pause();
      this.#connection = { socket, early: chunk };
    });
    socket.resume();
  }

  #ended(reason: string): void {
    // What cannot be removed goes with the run directory, when the node ends.
    removeTreeMeanwhile(this.#scratch).catch(() => undefined);
    if (this.pid > 0) this.#settings.onProcess({ endedPid: this.pid });
    const why = this.#lastWords.explain(reason);
    this.#endReason = why;
    if (this.#owner) this.#owner.ended(why);
    else this.onIdleEnd();
  }
}

/** The private directory of an instance: removed with it. */
export function scratchOf(runDirectory: string, id: string): string {
  return join(runDirectory, 'scratch', id);
}
