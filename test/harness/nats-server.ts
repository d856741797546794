/** A real nats-server with the pilot's own configuration and roles, on a free port. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { locateServer, type NatsRole, readServerAddress, renderServerConfig, type ServerConfigOptions } from '#broker';
import { createNatsKey, writePrivate } from '#security';
import { eventually } from './eventually.ts';

export interface TestServer extends AsyncDisposable {
  /** host:port */
  readonly address: string;
  readonly seeds: Record<NatsRole, string>;
  readonly pid: number;
}

export interface TestServerOptions {
  readonly storeBytes?: number;
  /** PEM texts, for a server with TLS. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
}

export function findTestServer(): string {
  return locateServer({
    setting: process.env['PILOTFISH_NATS_SERVER'],
    toolsFile: join(import.meta.dirname, '../../dist/tools.json'),
    path: process.env['PATH'] ?? '',
  });
}

export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const directory = mkdtempSync(join(tmpdir(), 'pilotfish-nats-'));
  const portsDirectory = join(directory, 'ports');
  mkdirSync(portsDirectory);
  const roles = { gateway: createNatsKey(), agent: createNatsKey(), source: createNatsKey(), viewer: createNatsKey() };
  const pick = (field: 'seed' | 'publicKey') =>
    Object.fromEntries(Object.entries(roles).map(([role, key]) => [role, key[field]])) as Record<NatsRole, string>;
  const config: ServerConfigOptions = {
    serverName: 'test',
    host: '127.0.0.1',
    port: -1,
    storeDirectory: join(directory, 'store'),
    storeBytes: options.storeBytes ?? 256 * 2 ** 20,
    portsDirectory,
    users: pick('publicKey'),
    ...(options.tls ? { tls: writeTls(directory, options.tls) } : {}),
  };
  const file = join(directory, 'nats.conf');
  writePrivate(file, renderServerConfig(config));
  const child = spawn(findTestServer(), ['--config', file], { stdio: 'ignore' });
  const pid = child.pid ?? 0;
  const address = await eventually(() => readServerAddress(portsDirectory, pid), {
    timeoutMs: 10_000,
    what: 'nats-server',
  });
  return {
    address,
    seeds: pick('seed'),
    pid,
    async [Symbol.asyncDispose]() {
      const exited = child.exitCode === null ? once(child, 'exit') : undefined;
      child.kill('SIGKILL');
      await exited;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function writeTls(
  directory: string,
  pem: NonNullable<TestServerOptions['tls']>,
): { ca: string; cert: string; key: string } {
  const files = { ca: join(directory, 'ca.pem'), cert: join(directory, 'cert.pem'), key: join(directory, 'key.pem') };
  for (const name of ['ca', 'cert', 'key'] as const) writePrivate(files[name], pem[name]);
  return files;
}
