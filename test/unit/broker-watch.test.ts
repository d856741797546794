/** A node whose pilot has lost its only broker with another node puts their job back into the queue, and no other one ever does. */
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { NodeConfig } from '#model';
import { createLogger } from '#telemetry';
import { BrokerWatch } from '../../platform/launcher/broker-watch.ts';

let pilot: string;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  pilot = mkdtempSync(join(tmpdir(), 'pilotfish-watch-'));
  mkdirSync(join(pilot, 'bin'));
  // A Slurm that has taken n1, where the job's script ran, from job 7; it writes down what it was asked to put back.
  const programs = {
    squeue: `case "$*" in *json*) exit 1;; *%B*) echo n1;; *nodelist*) ;; *) echo "7|RUNNING|None|N/A|N/A";; esac
echo asked >> '${pilot}/asked'`,
    scontrol: `echo "$*" >> '${pilot}/requeued'`,
  };
  for (const [name, does] of Object.entries(programs)) {
    writeFileSync(join(pilot, 'bin', name), `#!/bin/sh\n${does}\n`);
    chmodSync(join(pilot, 'bin', name), 0o755);
  }
  vi.stubEnv('PATH', `${join(pilot, 'bin')}:${process.env['PATH']}`);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  rmSync(pilot, { recursive: true });
});

const logger = createLogger({ pilot: 'p-abcd', node: 'n2', process: 'launcher' }, 'silent');

function watch(place: Partial<NodeConfig> = {}, brokersOfBlock = 1) {
  const directory = join(pilot, 'blocks', 'b1');
  mkdirSync(directory, { recursive: true });
  writeFileSync(
    join(directory, 'block.json'),
    JSON.stringify({
      ...{ pilot: 'p-abcd', block: 'b1', resource: 'slurm://', request: { nodes: 6 }, createdAtMs: 1 },
      ...{ nodes: ['n1', 'n2', 'n3', 'n4', 'n5', 'n6'], pilotDirectory: pilot, stage: '/stage', storeBytes: 1 },
      ...{ brokers: brokersOfBlock, pilotBrokers: 1, gateway: brokersOfBlock > 0, renew: false },
    }),
  );
  appendFileSync(join(directory, 'job'), '7');
  const config = { node: 'n2', block: 'b1', broker: false, brokers: 1, pilotDirectory: pilot, ...place } as NodeConfig;
  const ending = new AbortController();
  return { watch: new BrokerWatch(config, logger, ending.signal), ending };
}
const requeued = () => (existsSync(join(pilot, 'requeued')) ? readFileSync(join(pilot, 'requeued'), 'utf8') : '');
const after = async (ms: number) => void (await vi.advanceTimersByTimeAsync(ms));
/** What was asked is answered by programs, in a time of their own. */
const untilRequeued = () => vi.waitFor(() => expect(requeued()).toBe('requeue 7\n'), { timeout: 20_000 });

describe('BrokerWatch', () => {
  it('puts the job back once the broker has been away for a minute', async () => {
    watch().watch.onMessage({ broker: 'away' });
    await after(59_000);
    expect(existsSync(join(pilot, 'asked'))).toBe(false);
    await after(1_000);
    await untilRequeued();
  });

  it('counts an agent that has died and cannot connect, and starts anew once one is ready', async () => {
    const { watch: own } = watch();
    own.away();
    await after(50_000);
    own.back();
    await after(50_000);
    own.away();
    await after(50_000);
    expect(existsSync(join(pilot, 'asked'))).toBe(false);
    await after(10_000);
    await untilRequeued();
  });

  it.each([
    ['the broker is back', {}, 1, (own: BrokerWatch) => own.onMessage({ broker: 'back' })],
    ['the launcher ends', {}, 1, (_: BrokerWatch, ending: AbortController) => ending.abort()],
    ['the node belongs to an extension', {}, 0, () => undefined],
    ['there are three brokers', { brokers: 3 }, 1, () => undefined],
    ['the broker is its own', { broker: true }, 1, () => undefined],
    ['the pilot has no job', { block: undefined }, 1, () => undefined],
    ['three others watch', { node: 'n5' }, 1, () => undefined],
  ] as const)('asks for nothing where %s', async (_, place, brokers, happens) => {
    const { watch: own, ending } = watch(place as Partial<NodeConfig>, brokers);
    own.onMessage({ broker: 'away' });
    happens(own, ending);
    await after(200_000);
    expect({ asked: existsSync(join(pilot, 'asked')), requeued: requeued() }).toEqual({ asked: false, requeued: '' });
  });
});
