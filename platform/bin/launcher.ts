/**
 * The launcher process: `launcher --config nodes/<id>/node.json [--progress-fd 3]` on one machine, and in a scheduler's job
 * `launcher --block blocks/<b> --index <place>`.
 */
import { readFileSync, writeSync } from 'node:fs';
import { extname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { forbidCoreDumps, Launcher } from '#launcher';
import { nodeConfigSchema } from '#model';
import { openBlockNode, tellProgress } from '#pilot';
import { createLogger } from '#telemetry';

process.umask(0o077);
const text = { type: 'string' } as const;
const { values } = parseArgs({ options: { config: text, 'progress-fd': text, block: text, index: text } });
const config =
  values.block === undefined
    ? nodeConfigSchema.parse(JSON.parse(readFileSync(values.config ?? '', 'utf8')))
    : await openBlockNode({ blockDirectory: values.block, index: Number(values.index), env: process.env });
const progressFile = values['progress-fd'] === undefined ? undefined : Number(values['progress-fd']);

// Its siblings lie beside it, in dist.
const dist =
  extname(import.meta.filename) === '.ts' ? join(import.meta.dirname, '..', '..', 'dist') : import.meta.dirname;

/** MB: what an agent allocates for an event is gone with it, and is to end in a young generation that has room for a few hundred. */
const agentOptions = ['--min-semi-space-size=16', '--max-semi-space-size=32'];
/**
 * A call's garbage is gone with it, but those under way are copied at each collection: a young generation of twice the size is collected
 * half as often, and gives a twentieth more calls a second. Reports live for seconds, and a larger one keeps more of them: at a
 * thousand nodes this costs 40 MiB. Left to itself the heap there grows to four times what is used, 700 MiB. Twice is enough; at half as
 * much again a quarter of its time was the garbage collector's.
 */
const gatewayOptions = ['--min-semi-space-size=32', '--max-semi-space-size=32', '--heap-growing-percent=100'];

const logger = createLogger({ pilot: config.pilot, node: config.node, process: 'launcher' });
forbidCoreDumps(logger);

const launcher = new Launcher({
  config,
  commands: {
    gateway: (file) => [process.execPath, ...gatewayOptions, join(dist, 'gateway.mjs'), '--config', file],
    agent: (file) => [process.execPath, ...agentOptions, join(dist, 'agent.mjs'), '--config', file],
  },
  natsServer: {
    setting: process.env['PILOTFISH_NATS_SERVER'],
    toolsFile: join(dist, 'tools.json'),
    path: process.env['PATH'] ?? '',
  },
  logger,
  onProgress: (progress) => {
    try {
      if (config.block !== undefined) tellProgress(config, progress);
      if (progressFile === undefined) return;
      writeSync(progressFile, `${JSON.stringify(progress)}\n`);
    } catch {
      // Whoever listened has gone; the node goes on without.
    }
  },
});

let signals = 0;
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.on(signal, () => {
    signals += 1;
    if (signals > 1) launcher.hasten();
    else void launcher.stop(`its launcher got ${signal}`);
  });
}
void launcher.start();
process.exit(await launcher.finished);
