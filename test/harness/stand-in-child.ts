/**
 * Stands in for a gateway or an agent: `stand-in-child gateway|agent --config FILE`. Listens where the configuration says, is
 * ready once the broker answers, and as an agent starts one "instance" that would outlive it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { agentConfigSchema, gatewayConfigSchema, openLauncherLink, readStartTicks } from '#model';

process.umask(0o077);
const [, , kind = '', , file = ''] = process.argv;
const text = JSON.parse(readFileSync(file, 'utf8'));
const link = openLauncherLink(() => process.exit(0));
const config = kind === 'gateway' ? gatewayConfigSchema.parse(text) : agentConfigSchema.parse(text);

const broker = new URL(config.brokers[0] ?? '');
const probe = connect(Number(broker.port), broker.hostname);
await once(probe, 'data');
probe.destroy();

if (kind === 'agent') {
  const { runDirectory } = agentConfigSchema.parse(text);
  writeFileSync(join(runDirectory, 'agent.pid'), String(process.pid));
  const instance = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
  const pid = instance.pid ?? 0;
  link.send({ started: { pid, startTicks: readStartTicks(pid) ?? '0' } });
  instance.unref();
}
const server = createServer((socket) => socket.end(String(process.pid)));
server.listen('port' in config ? config.port : 0, config.host);
await once(server, 'listening');
link.send({ ready: { address: `${config.host}:${(server.address() as AddressInfo).port}` } });
