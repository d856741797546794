/** G1-G11 under kill -9 and a lost node, on a pilot of two nodes: the short and the long form share this body. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './eventually.ts';
import {
  busyInstance,
  countDeadLetters,
  deployGather,
  fetchingNode,
  type GatherRun,
  gathererNode,
  largeScan,
  runGather,
  scansOfParts,
} from './gather-run.ts';
import { processesOfNode, stopProcesses } from './node-processes.ts';
import { TestPilot } from './pilot.ts';
import type { PartDraft } from './scan-source.ts';

/** Disturbs a run: called before part `n` is published, and once all are. */
export interface GatherFault {
  readonly name: string;
  readonly pauseMs: number;
  readonly atPart?: (pilot: TestPilot, n: number) => Promise<void> | undefined;
  readonly whilePublished?: (pilot: TestPilot, run: GatherRun) => Promise<void>;
  /** Default: `scansOfParts`. */
  readonly drafts?: () => PartDraft[];
}

const killAt = (n: number, pid: (pilot: TestPilot) => number | Promise<number>) => (pilot: TestPilot, part: number) =>
  part === n ? kill(() => pid(pilot)) : undefined;

async function kill(pid: () => number | Promise<number>): Promise<void> {
  process.kill(await pid(), 'SIGKILL');
}

/** Long enough to be seen by the gateway and ended in the middle. */
const pauseMs = 1_500;

/** The old owner wakes when another one has closed every key, and must not close them again (G4). */
function hangingGatherer(): GatherFault {
  let wake: (() => void) | undefined;
  return {
    name: 'a gatherer that hangs at part 1,000, and comes back when all is done',
    pauseMs: 0,
    atPart: (pilot, part) =>
      part === 1_000
        ? gathererNode(pilot).then((node) => {
            wake = stopProcesses([pilot.pid(node, 'agent')]);
          })
        : undefined,
    whilePublished: async (_pilot, run) => {
      try {
        await eventually(() => run.results.size === 5, { timeoutMs: 40_000, what: 'all results without the gatherer' });
      } finally {
        wake?.();
      }
    },
  };
}

export const gatherFaults = {
  gatherer: {
    name: 'kill -9 of the gatherer at part 1,000',
    pauseMs: 0,
    atPart: killAt(1_000, async (pilot) => pilot.pid(await gathererNode(pilot), 'agent')),
  },
  instance: {
    name: 'kill -9 of an instance while it reads its parts',
    pauseMs,
    whilePublished: (pilot) => kill(async () => (await busyInstance(pilot)).pid),
  },
  gateway: { name: 'kill -9 of the gateway', pauseMs: 0, atPart: killAt(1_000, (pilot) => pilot.pid('n1', 'gateway')) },
  broker: {
    name: 'kill -9 of nats-server',
    pauseMs: 0,
    atPart: killAt(1_000, (pilot) => pilot.pid('n1', 'nats-server')),
  },
  executingAgent: {
    name: 'kill -9 of an agent while its instance reads parts',
    pauseMs,
    whilePublished: (pilot) => kill(async () => pilot.pid((await busyInstance(pilot)).node, 'agent')),
  },
  brokerWhileReading: {
    name: 'kill -9 of nats-server while instances read parts',
    pauseMs,
    whilePublished: async (pilot) => {
      await busyInstance(pilot);
      await kill(() => pilot.pid('n1', 'nats-server'));
    },
  },
  fetchingAgent: {
    name: 'kill -9 of an agent while it fetches parts',
    pauseMs: 0,
    drafts: largeScan,
    whilePublished: (pilot) => kill(async () => pilot.pid(await fetchingNode(pilot, ['n1', 'n2']), 'agent')),
  },
  hangingNode: {
    name: 'a node that hangs while its instance reads parts, and comes back',
    pauseMs,
    whilePublished: async (pilot, run) => {
      await busyInstance(pilot, 'n2');
      const wake = stopProcesses(processesOfNode(pilot, 'n2'));
      try {
        await eventually(() => run.results.size === 5, { timeoutMs: 40_000, what: 'all results without the node' });
      } finally {
        wake();
      }
    },
  },
  hangingGatherer: hangingGatherer(),
} satisfies Record<string, GatherFault>;

export function describeGatherFaults(faults: readonly GatherFault[]): void {
  describe('one scan of 2,000 parts and four interleaved ones of 500 give one result each, the same as undisturbed, under', () => {
    let pilot: TestPilot;
    let undisturbed: Record<string, string[]>;

    beforeAll(async () => {
      pilot = await TestPilot.start({ nodes: 2, coresPerNode: 2 });
      await deployGather(pilot, 0);
      undisturbed = await settled(await runGather(pilot, 'undisturbed', scansOfParts()));
      // A reference that is wrong itself would prove nothing.
      expect(
        Object.entries(undisturbed).map(([scan, results]) => [scan, results.map((text) => JSON.parse(text))]),
      ).toEqual(
        expect.arrayContaining(
          [2_000, 500, 500, 500, 500].map((count, at) => [
            ['big', 'a', 'b', 'c', 'd'][at],
            [
              {
                sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
                bytes: expect.any(Number),
                read: count,
                counts: { dark: 10, flat: 10, projection: count - 20 },
                missing: {},
                reason: 'complete',
              },
            ],
          ]),
        ),
      );
    }, 90_000);

    afterAll(async () => {
      await pilot?.[Symbol.asyncDispose]();
    }, 60_000);

    async function settled(run: GatherRun): Promise<Record<string, string[]>> {
      try {
        await run.finished(90_000);
        return Object.fromEntries([...run.results].sort());
      } finally {
        await run.close();
      }
    }

    it.each(faults)(
      '$name',
      async ({ name, pauseMs, atPart, whilePublished, drafts = scansOfParts }: GatherFault) => {
        await eventually(() => pilot.client.waitReady(2, 1_000), { timeoutMs: 30_000, what: 'both nodes ready again' });
        const expected =
          drafts === scansOfParts ? undisturbed : await settled(await runGather(pilot, 'calm', drafts()));
        await deployGather(pilot, pauseMs);
        const run = await runGather(pilot, name.replaceAll(/[^A-Za-z0-9]+/g, '-'), drafts(), (n) => atPart?.(pilot, n));
        await whilePublished?.(pilot, run);
        expect(await settled(run)).toEqual(expected);
        expect(await countDeadLetters(pilot)).toBe(0);
      },
      180_000,
    );
  });
}
