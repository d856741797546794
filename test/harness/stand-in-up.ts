/** `up` around stand-ins: `stand-in-up HOME NODES`; prints {pilot, directory, readyMs}. */
import { join } from 'node:path';
import { createAdapter, startPilot } from '#pilot';

process.umask(0o077);
const [, , home = '', nodes = '1'] = process.argv;
const controller = new AbortController();
process.on('SIGINT', () => controller.abort());
const adapter = createAdapter('local://', [process.execPath, join(import.meta.dirname, 'stand-in-launcher.ts')]);
try {
  const { pilot, directory, readyMs } = await startPilot({
    home,
    resource: 'local://',
    adapter,
    nodes: Number(nodes),
    slotsPerNode: 1,
    storeBytes: 256 * 2 ** 20,
    waitReady: async () => undefined,
    onPhase: ({ node, phase, ms }) => process.stderr.write(`${ms} ${node} ${phase}\n`),
    signal: controller.signal,
  });
  process.stdout.write(`${JSON.stringify({ pilot, directory, readyMs })}\n`);
} catch (error) {
  const { message, foreignStack = '' } = error as { message: string; foreignStack?: string };
  process.stderr.write(`${message}\n${foreignStack}\n`);
  process.exit(controller.signal.aborted ? 130 : 1);
}
