/** The real launcher, with stand-ins for gateway and agent; the nats-server is real. */
import { readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Launcher } from '#launcher';
import { nodeConfigSchema } from '#model';
import { createLogger } from '#telemetry';

process.umask(0o077);
const configFile = process.argv[process.argv.indexOf('--config') + 1] ?? '';
const config = nodeConfigSchema.parse(JSON.parse(readFileSync(configFile, 'utf8')));
const child = join(import.meta.dirname, 'stand-in-child.ts');
const broken = process.env['STAND_IN_BROKEN'];
const launcher = new Launcher({
  config,
  commands: {
    gateway: (file) =>
      broken === 'gateway'
        ? ['sh', '-c', 'echo the reef is closed; exit 3']
        : [process.execPath, child, 'gateway', '--config', file],
    agent: (file) => [process.execPath, child, 'agent', '--config', file],
  },
  natsServer: {
    setting: process.env['PILOTFISH_NATS_SERVER'],
    toolsFile: join(import.meta.dirname, '..', '..', 'dist', 'tools.json'),
    path: process.env['PATH'] ?? '',
  },
  logger: createLogger({ pilot: config.pilot, node: config.node, process: 'launcher' }),
  onProgress: (progress) => {
    try {
      writeSync(3, `${JSON.stringify(progress)}\n`);
    } catch {
      // The `up` that started us was killed, as this test wants.
    }
  },
});
process.on('SIGTERM', () => void launcher.stop('the test is over'));
void launcher.start();
process.exit(await launcher.finished);
