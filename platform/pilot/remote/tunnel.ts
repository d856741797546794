/**
 * A way through ssh to a pilot that this machine cannot reach: ports on loopback that stand for its gateway and brokers.
 * One ssh carries all; each connection becomes a channel of it. A connection after the first asks anew where the pilot is,
 * because a renewal moves it; an ssh that has ended is followed by another. Who connects is checked at the far end, by
 * certificates and keys, as on the pilot's own network.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '#common';
import type { Connection } from '#model';
import { runHere, runThroughSsh, sshCommand } from '../scheduler/index.ts';
import { readRemoteConnection, type Via } from './remote-pilot.ts';

export interface TunnelOptions {
  readonly via: Via;
  readonly pilot: string | undefined;
  /** Told what fails while the program goes on. */
  readonly onTrouble: (what: string) => void;
}

/** A wire that is cut shows no end of its own: noticed after this many seconds, three times. */
const aliveSeconds = 5;

/** Ctrl-C asks this program to end in order; its way to the pilot is needed for that. */
const detached = true;

/** At a port at once. Everybody on this machine can connect there, and each costs an ssh; what comes through proves itself at the pilot. */
const channelsMax = 128;

/** What a port stands for: looked up again whenever somebody connects. */
type Target = (connection: Connection) => string;

export class Tunnel implements AsyncDisposable {
  /** With ports of this machine in place of the pilot's. */
  readonly connection: Connection;
  readonly #state: TunnelState;

  private constructor(connection: Connection, state: TunnelState) {
    this.connection = connection;
    this.#state = state;
  }

  /** Throws as `readRemoteConnection` does. */
  static async open(options: TunnelOptions): Promise<Tunnel> {
    const state = new TunnelState(options);
    try {
      const { gateway, brokers, ...rest } = await state.locate();
      const address = await state.listen(({ gateway: { address } }) => address);
      const places = brokers.map(async (url, at) => {
        const target: Target = ({ brokers: now }) => addressOf(now[at % now.length] ?? '');
        return `${/^\w+:\/\//.exec(url)?.[0] ?? ''}${await state.listen(target)}`;
      });
      const here = { gateway: { ...gateway, address, others: [] }, brokers: await Promise.all(places) };
      return new Tunnel({ ...rest, ...here }, state);
    } catch (error) {
      await state.close();
      throw error;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#state.close();
  }
}

class TunnelState {
  readonly #options: TunnelOptions;
  /** Holds the one ssh's control socket. */
  readonly #directory = mkdtempSync(join(tmpdir(), 'pilotfish-via-'));
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #children = new Set<ChildProcess>();
  #carrier: ChildProcess | undefined;
  #known: Connection | undefined;
  #isFresh = false;
  #closed = false;

  constructor(options: TunnelOptions) {
    this.#options = options;
  }

  async locate(): Promise<Connection> {
    this.#carry();
    const { via, pilot } = this.#options;
    const run = runThroughSsh(via.host, runHere, this.#sharing('no'));
    this.#known = await readRemoteConnection(via, this.#known?.pilot ?? pilot, run);
    this.#isFresh = true;
    return this.#known;
  }

  /** host:port on loopback, for as long as the tunnel is open. */
  async listen(target: Target): Promise<string> {
    const server = createServer({ allowHalfOpen: true }, (socket) => void this.#connect(socket, target));
    server.maxConnections = channelsMax;
    this.#servers.push(server);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
    await promise;
    const address = server.address();
    return `127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const socket of this.#sockets) socket.destroy();
    for (const child of this.#children) child.kill();
    this.#carrier?.kill();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #connect(socket: Socket, target: Target): Promise<void> {
    this.#sockets.add(socket);
    // Its end is what counts; why it was reset, its own program is told.
    socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket));
    try {
      const connection = this.#isFresh && this.#known ? this.#known : await this.locate();
      if (this.#closed || socket.destroyed) return;
      this.#channel(socket, target(connection));
    } catch (error) {
      this.#options.onTrouble(messageOf(error));
      socket.destroy();
    }
  }

  #channel(socket: Socket, address: string): void {
    this.#carry();
    const { host } = this.#options.via;
    const [program = '', ...args] = sshCommand(host, [...this.#sharing('no'), '-W', address]);
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], detached });
    this.#children.add(child);
    let said = '';
    child.stderr.on('data', (data: Buffer) => {
      said = data.toString().trim().split('\n').at(-1) ?? '';
    });
    const end = () => {
      if (!this.#children.delete(child)) return;
      // The pilot may have moved meanwhile.
      this.#isFresh = false;
      if (!this.#closed && child.exitCode !== 0 && said !== '') this.#options.onTrouble(`ssh to ${host}: ${said}`);
      socket.destroy();
    };
    child.on('error', end).on('close', end);
    child.stdin.on('error', () => undefined);
    socket.on('close', () => child.kill());
    socket.pipe(child.stdin);
    child.stdout.pipe(socket);
  }

  /** The ssh that the others go through; they connect by themselves while it has not got so far. */
  #carry(): void {
    if (this.#closed || (this.#carrier && this.#carrier.exitCode === null && this.#carrier.signalCode === null)) return;
    const { host } = this.#options.via;
    const alive = ['-o', `ServerAliveInterval=${aliveSeconds}`, '-o', 'ServerAliveCountMax=3'];
    // Its command ends with the pipe, so that no ssh outlives this process, whatever ends it.
    const [program = '', ...args] = sshCommand(host, [...this.#sharing('yes'), ...alive], 'cat >/dev/null');
    rmSync(this.#controlPath, { force: true });
    this.#carrier = spawn(program, args, { stdio: ['pipe', 'ignore', 'ignore'], detached });
    // A missing ssh is told of by the command that comes next.
    this.#carrier.on('error', () => undefined);
    this.#carrier.stdin?.on('error', () => undefined);
  }

  #sharing(master: 'yes' | 'no'): string[] {
    return ['-o', `ControlMaster=${master}`, '-o', `ControlPath=${this.#controlPath}`];
  }

  get #controlPath(): string {
    return join(this.#directory, 'ssh');
  }
}

/** "tls://10.0.0.1:4222" -> "10.0.0.1:4222" */
function addressOf(url: string): string {
  return url.replace(/^\w+:\/\//, '');
}
