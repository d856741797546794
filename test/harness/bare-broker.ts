/** A real nats-server with the pilot's roles, streams and buckets, and nothing else: for tests of what talks to it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import {
  type Buckets,
  connectNats,
  createBuckets,
  ensureStreams,
  locateServer,
  type NatsRole,
  openBuckets,
  readServerAddress,
  renderServerConfig,
  type TokenOnStreams,
} from '#broker';
import { createNatsKey } from '#security';
import { eventually } from './eventually.ts';

const roles: readonly NatsRole[] = ['gateway', 'agent', 'source', 'viewer'];

export interface BrokerMember {
  readonly connection: NatsConnection;
  readonly inbox: string;
  readonly buckets: Buckets;
}

export class BareBroker {
  readonly directory: string;
  readonly storeBytes: number;
  readonly #keys = Object.fromEntries(roles.map((role) => [role, createNatsKey()])) as Record<
    NatsRole,
    ReturnType<typeof createNatsKey>
  >;
  readonly #tokens: readonly (TokenOnStreams & { readonly seed: string })[];
  readonly #connections: NatsConnection[] = [];
  #child: ChildProcess | undefined;
  #address = '';

  private constructor(storeBytes: number, tokens: readonly Omit<TokenOnStreams, 'key'>[]) {
    this.storeBytes = storeBytes;
    this.#tokens = tokens.map((token) => {
      const { publicKey: key, seed } = createNatsKey();
      return { ...token, key, seed };
    });
    this.directory = mkdtempSync(join(tmpdir(), 'pilotfish-broker-'));
  }

  /** `tokens` are known to it from the start. */
  static async start(
    storeBytes = 2 * 2 ** 30,
    tokens: readonly Omit<TokenOnStreams, 'key'>[] = [],
  ): Promise<BareBroker> {
    const broker = new BareBroker(storeBytes, tokens);
    await broker.run();
    const gateway = await broker.connect('gateway', 'setup');
    await ensureStreams(await jetstreamManager(gateway), { storeBytes, replicas: 1 });
    await createBuckets(gateway, { storeBytes, replicas: 1 });
    return broker;
  }

  /** A connection of its own; closed with the broker. */
  async connect(role: NatsRole, member: string): Promise<NatsConnection> {
    const connection = await connectNats({ servers: [this.#address], seed: this.#keys[role].seed, role, member });
    this.#connections.push(connection);
    return connection;
  }

  /** As somebody who was given a token; closed with the broker. */
  async connectToken(id: string, role: 'source' | 'viewer'): Promise<NatsConnection> {
    const seed = this.#tokens.find((token) => token.id === id)?.seed ?? '';
    const connection = await connectNats({ servers: [this.#address], seed, role, member: `${id}.test` });
    this.#connections.push(connection);
    return connection;
  }

  async member(role: NatsRole, member: string): Promise<BrokerMember> {
    const connection = await this.connect(role, member);
    return { connection, inbox: `_INBOX.${role}.${member}`, buckets: await openBuckets(connection) };
  }

  /** kill -9, and the same store and port again. */
  async killAndRestart(): Promise<void> {
    await this.#end();
    await this.run();
  }

  async run(): Promise<void> {
    const ports = join(this.directory, 'ports');
    rmSync(ports, { recursive: true, force: true });
    mkdirSync(ports);
    const config = join(this.directory, 'server.conf');
    const [host = '127.0.0.1', port = '-1'] = this.#address.split(':').filter((piece) => piece !== '');
    const text = renderServerConfig({
      serverName: 'bare',
      host,
      port: Number(port),
      storeDirectory: join(this.directory, 'store'),
      storeBytes: this.storeBytes,
      portsDirectory: ports,
      users: Object.fromEntries(roles.map((role) => [role, this.#keys[role].publicKey])) as Record<NatsRole, string>,
      tokens: this.#tokens,
    });
    writeFileSync(config, text, { mode: 0o600 });
    const program = locateServer({
      setting: process.env['PILOTFISH_NATS_SERVER'],
      toolsFile: join(import.meta.dirname, '../../dist/tools.json'),
      path: process.env['PATH'] ?? '',
    });
    const child = spawn(program, ['-c', config], { stdio: 'ignore' });
    this.#child = child;
    this.#address = await eventually(() => readServerAddress(ports, child.pid ?? 0), {
      timeoutMs: 10_000,
      what: 'nats-server being ready',
    });
  }

  async #end(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#connections) await connection.close();
    await this.#end();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
