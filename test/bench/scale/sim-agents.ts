/** A process of many simulated agents of one pilot: `node sim-agents.ts PILOT-DIRECTORY`, told what to do over IPC. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectNats, openBuckets, readSeed } from '#broker';
import { platformVersion } from '#common';
import type { AgentConfig, GatewayConfig } from '#model';
import { agentServerName, loadCertificates } from '#security';
import { renewEveryMs } from '../../../platform/agent/node/registration.ts';
import { SimAgent } from './sim-agent.ts';

export type Order = { readonly from: number; readonly to: number; readonly liars: readonly number[] };
export interface Tell {
  readonly started?: number;
  readonly state?: {
    /** Function -> instances, all agents together. */
    readonly counts: Readonly<Record<string, number>>;
    /** Agents by the epoch that they follow, with an open stream of reports. */
    readonly followed: Readonly<Record<number, number>>;
  };
}

const directory = process.argv[2] ?? '';
const read = <T>(name: string) => JSON.parse(readFileSync(join(directory, 'nodes/n1', name), 'utf8')) as T;
const config = read<AgentConfig>('agent.json');
const { access } = read<GatewayConfig>('gateway.json');
const { CertificateAuthority } = await loadCertificates();
const authority = await CertificateAuthority.load(
  readFileSync(access.caCert, 'utf8'),
  readFileSync(access.caKey, 'utf8'),
);
const seed = readSeed(config.seedFile);
const connection = await connectNats({ servers: config.brokers, seed, role: 'agent', member: `sim-${process.pid}` });
const { nodes } = await openBuckets(connection);
/** Function -> instances told, kept as sets come: a thousand of them come within seconds. */
const counts: Record<string, number> = {};
const agents: SimAgent[] = [];
let isTold = false;

process.on('message', (order: Order) => void start(order));
process.on('disconnect', () => process.exit(0));

/** A few at a time: each waits for its certificate, its port and the broker. */
const atOnce = 8;

async function start({ from, to, liars }: Order): Promise<void> {
  let next = from;
  const starts = async () => {
    while (next < to) await startOne(next++, liars);
  };
  await Promise.all(Array.from({ length: atOnce }, starts));
  tell({ started: to - from });
}

async function startOne(number: number, liars: readonly number[]): Promise<void> {
  const node = `s${number}`;
  const agent = new SimAgent(node, tellSoon, liars.includes(number));
  const { cert, key } = await authority.issue(
    { commonName: node, usage: ['server'], dnsNames: [agentServerName(config.pilot, node)] },
    Date.now(),
  );
  const address = await agent.start({ ca: authority.cert, cert, key });
  const entry = JSON.stringify({
    node,
    address,
    calls: { address, socketPath: '/nonexistent', token: 'none' },
    slots: 16,
    memoryBytes: 64 * 2 ** 30,
    labels: { simulated: 'yes' },
    version: platformVersion,
    startedAt: agent.startedAt,
  });
  agents.push(agent);
  // A broker that is busy is asked again within a second, as by agents.
  await nodes.put(node, entry).catch(() => undefined);
  void renew(agent, entry);
}

/** As `platform/agent/node/registration.ts` has it. */
async function renew(agent: SimAgent, entry: string): Promise<void> {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, renewEveryMs(agent.reportEveryMs)));
    await nodes.put(agent.node, entry).catch(() => undefined);
  }
}

/** Applies of one moment are told together. */
function tellSoon(changes: ReadonlyMap<string, number>): void {
  for (const [name, by] of changes) counts[name] = (counts[name] ?? 0) + by;
  if (isTold) return;
  isTold = true;
  setTimeout(() => {
    isTold = false;
    tellState();
  }, 20);
}

setInterval(tellState, 200);

function tellState(): void {
  const followed: Record<number, number> = {};
  for (const agent of agents) {
    if (agent.followed) followed[agent.epoch] = (followed[agent.epoch] ?? 0) + 1;
  }
  tell({ state: { counts, followed } });
}

function tell(what: Tell): void {
  if (process.connected) process.send?.(what);
}
