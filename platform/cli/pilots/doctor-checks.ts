/** The checks of `pilotfish doctor`, each with what to do when it fails. */
import { execFile } from 'node:child_process';
import { lstatSync, statfsSync } from 'node:fs';
import { promisify } from 'node:util';
import { formatBytes, formatCount, messageOf } from '#common';
import type { Node } from '#proto';
import { askPilot } from '../connection.ts';
import type { CliContext } from '../context.ts';

export interface Finding {
  readonly state: 'ok' | 'warn' | 'fail';
  readonly found: string;
  /** What to do, "" where nothing is. */
  readonly advice: string;
}

export interface Check {
  readonly name: string;
  run(context: CliContext): Promise<Finding | Finding[]> | Finding | Finding[];
}

const execute = promisify(execFile);

/** A program that prints its version takes milliseconds; this long means that it hangs. */
const programMsMax = 5_000;
/** Shared memory holds spooled parts, 64 MiB each; with less the spool falls back to the disk. */
const sharedMemoryBytesMin = 256 * 2 ** 20;
const nodeMajorMin = 24;

const ok = (found: string): Finding => ({ state: 'ok', found, advice: '' });

const nodeCheck: Check = {
  name: 'node',
  run() {
    const { node } = process.versions;
    if (Number.parseInt(node, 10) >= nodeMajorMin) return ok(`Node ${node}`);
    return {
      state: 'fail',
      found: `Node ${node}`,
      advice: `run with Node ${nodeMajorMin} or newer; npm ci brings one`,
    };
  },
};

const serverCheck: Check = {
  name: 'nats-server',
  async run(context) {
    const { checkServerVersion, locateServer } = await import('#broker');
    const { env, toolsFile } = context;
    const program = locateServer({ setting: env['PILOTFISH_NATS_SERVER'], toolsFile, path: env['PATH'] ?? '' });
    return ok(`${await checkServerVersion(program)} at ${program}`);
  },
};

const setprivCheck: Check = {
  name: 'setpriv',
  async run() {
    const advice = 'install util-linux 2.33 or newer; without it instances may outlive an agent that is killed';
    try {
      const { stdout } = await execute('setpriv', ['--help'], { timeout: programMsMax });
      if (stdout.includes('--pdeathsig')) return ok('ends instances together with their agent');
      return { state: 'warn', found: 'setpriv does not know --pdeathsig', advice };
    } catch {
      return { state: 'warn', found: 'setpriv is not in PATH', advice };
    }
  },
};

const sharedMemoryCheck: Check = {
  name: '/dev/shm',
  run() {
    const { bavail, bsize } = statfsSync('/dev/shm');
    const free = bavail * bsize;
    if (free >= sharedMemoryBytesMin) return ok(`${formatBytes(free)} free`);
    const advice = `free some, or ask for more: gathered parts want ${formatBytes(sharedMemoryBytesMin)}`;
    return { state: 'warn', found: `${formatBytes(free)} free`, advice };
  },
};

const homeCheck: Check = {
  name: 'home',
  async run(context) {
    const [{ resolveHome }, { assertPrivateDirectory }] = await Promise.all([import('#pilot'), import('#security')]);
    const home = resolveHome(context.env);
    if (lstatSync(home, { throwIfNoEntry: false }) === undefined) return ok(`${home} will be made by the first "up"`);
    assertPrivateDirectory(home);
    return ok(`${home} is closed to other users`);
  },
};

const esbuildCheck: Check = {
  name: 'esbuild',
  async run() {
    try {
      const { transform, version } = await import('esbuild');
      const { code } = await transform('export const one: number = 1', { loader: 'ts', format: 'cjs', minify: true });
      return code.includes('1')
        ? ok(`bundles functions (${version})`)
        : { state: 'fail', found: 'wrong output', advice: 'run npm ci' };
    } catch (error) {
      return {
        state: 'fail',
        found: messageOf(error),
        advice: 'run npm ci; its program is made for one kind of machine',
      };
    }
  },
};

const pilotsCheck: Check = {
  name: 'pilots',
  async run(context) {
    const { listPilots, resolveHome } = await import('#pilot');
    const pilots = listPilots(resolveHome(context.env));
    if (pilots.length === 0) return ok('none is up; start one: pilotfish up');
    return Promise.all(pilots.map(({ pilot }) => reach(context, pilot)));
  },
};

async function reach(context: CliContext, id: string): Promise<Finding> {
  try {
    return await askPilot(context, id, async (pilot, { brokers }) => pilotFinding(id, await pilot.nodes(), brokers));
  } catch (error) {
    const advice = `if its processes are gone: pilotfish down --pilot ${id}`;
    return { state: 'fail', found: `${id}: ${messageOf(error)}`, advice };
  }
}

/** Of a pilot that answers. `brokers` are their URLs. */
export function pilotFinding(id: string, nodes: readonly Pick<Node, 'state'>[], brokers: readonly string[]): Finding {
  const ready = nodes.filter(({ state }) => state === 'ready').length;
  if (ready < nodes.length || ready === 0) {
    const found = `${id}: ${ready} of ${formatCount(nodes.length, 'node')} ready`;
    return { state: 'warn', found, advice: 'see pilotfish node list' };
  }
  // Without TLS events may pass over loopback, but not between nodes.
  if (brokers.every((broker) => broker.startsWith('tls://') || broker.includes('//127.')))
    return ok(`${id}: ${formatCount(ready, 'node')} ready`);
  return {
    state: 'warn',
    found: `${id}: ${formatCount(ready, 'node')} ready; events pass between them unencrypted (--plain-data)`,
    advice: 'right only where nobody else is on that network',
  };
}

export const checks: readonly Check[] = [
  nodeCheck,
  serverCheck,
  setprivCheck,
  sharedMemoryCheck,
  homeCheck,
  esbuildCheck,
  pilotsCheck,
];
