/** Brings the demo's pilot up: on this machine, or where `--resource` says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { locateServer } from '#broker';
import { launcherCommand } from '#cli';
import { connectPilot } from '#client';
import { type Connection, connectionSchema } from '#model';
import {
  chooseStoreBytes,
  codeCacheDirectory,
  createAdapter,
  isScheduled,
  pilotPaths,
  type StartedPilot,
  type StartPhase,
  startPilot,
  startScheduledPilot,
} from '#pilot';

export interface BringUpOptions {
  readonly home: string;
  readonly resource: string;
  readonly nodes: number;
  readonly slotsPerNode: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onPhase: (phase: StartPhase) => void;
  readonly signal: AbortSignal;
}

export async function bringUp(options: BringUpOptions): Promise<StartedPilot> {
  const { home, resource, nodes, slotsPerNode, onPhase, signal } = options;
  const waitReady = async (connection: Connection, count: number, timeoutMs: number) => {
    using client = connectPilot(connection);
    await client.waitReady(count, timeoutMs);
  };
  const common = { home, resource, waitReady, onPhase, signal };
  if (!isScheduled(resource)) {
    const adapter = createAdapter(resource, launcherCommand(codeCacheDirectory(home)));
    return await startPilot({ ...common, adapter, nodes, slotsPerNode, endsWithUs: true });
  }
  const started = await startScheduledPilot({
    ...common,
    request: { nodes, coresPerNode: slotsPerNode },
    storeBytes: chooseStoreBytes(home, 1, undefined),
    // The phases say it, too.
    onDoing: () => undefined,
    brokers: 1,
    limits: {},
    renew: false,
    claims: { place: 'shared' },
    plainData: false,
    sources: stageSources(options.env),
    detach: false,
  });
  const connection = connectionSchema.parse(JSON.parse(readFileSync(pilotPaths(started.directory).connection, 'utf8')));
  return { ...started, connection };
}

function stageSources(env: BringUpOptions['env']) {
  const dist = import.meta.dirname;
  const { PILOTFISH_NATS_SERVER: setting, PATH: path = '' } = env;
  return {
    dist,
    node: process.execPath,
    natsServer: locateServer({ setting, toolsFile: join(dist, 'tools.json'), path }),
  };
}
