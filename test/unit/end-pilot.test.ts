/** How a pilot's launchers are told to end. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { endPilot } from '#pilot';

/** Ends as a launcher with a busy agent would: at the second signal, here with a file that tells so. */
const script = `
const { writeFileSync } = require('node:fs');
let signals = 0;
process.on('SIGTERM', () => {
  if (++signals < 2) return;
  writeFileSync(process.argv.at(-1), '');
  process.exit();
});
setInterval(() => undefined, 1_000);
console.log('ready');`;

it('endPilot() gives the second signal, too, to launchers of a user who was impatient before it began', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pilotfish-end-'));
  try {
    const node = join(folder, 'pilot', 'nodes', 'n1');
    mkdirSync(node, { recursive: true });
    const told = join(folder, 'told-twice');
    const args = ['-e', script, '--', '--config', join(node, 'node.json'), told];
    const launcher = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(launcher.stdout, 'data');
    await endPilot(join(folder, 'pilot'), { graceMs: 20_000, hasten: AbortSignal.abort() });
    expect(existsSync(told)).toBe(true);
    expect(existsSync(join(folder, 'pilot'))).toBe(false);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 60_000);
