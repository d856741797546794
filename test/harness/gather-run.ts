/** Scans of many parts through a gathering function on a real pilot, and what came out of them. */
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connectNats, consumerName, eventSubject, gatherKey, gatherSubject, openBuckets, streams } from '#broker';
import { deployFolder } from './deploy-folder.ts';
import { eventually } from './eventually.ts';
import type { TestPilot } from './pilot.ts';
import { draftScan, interleave, type PartDraft, seededRandom } from './scan-source.ts';
import { untilIdle } from './until-idle.ts';

export const gatherFunction = 'concatenate';
const trigger = 'on0';
const functionPath = join(import.meta.dirname, '../fixtures/concatenate');
/** What JetStream takes where nobody says otherwise. */
const ackPendingDefault = 1_000;

/** One scan of 2,000 parts, then four interleaved ones of 500; doubles and disorder on. The same at every call. */
export function scansOfParts(): PartDraft[] {
  const random = seededRandom(11);
  const four = ['a', 'b', 'c', 'd'].map((scan) => draftScan(scan, 500, random));
  return [...draftScan('big', 2_000, random), ...interleave(four, random)];
}

/** One scan of 64 MiB, so that fetching it takes a while. */
export function largeScan(): PartDraft[] {
  return draftScan('large', 1_000, seededRandom(12)).map((draft) => ({
    ...draft,
    payload: draft.payload.length === 0 ? draft.payload : Buffer.alloc(64 * 2 ** 10, draft.payload),
  }));
}

/** `pauseMs`: how long each call stops in the middle of its parts. */
export async function deployGather(pilot: TestPilot, pauseMs: number): Promise<void> {
  await deployFolder(pilot, functionPath, { pauseMs });
  const inside = await connectInside(pilot);
  // Parts are under no lease, so that a scan of more parts than may be unacked is no matter.
  const name = consumerName(gatherFunction, trigger);
  const { max_ack_pending } = (
    await inside.manager.consumers.update(streams.gathers, name, { max_ack_pending: ackPendingDefault })
  ).config;
  await inside.close();
  if (max_ack_pending !== ackPendingDefault) throw new Error(`max_ack_pending is ${max_ack_pending}`);
}

/** With the gateway's own key: what no program of a user may see. */
async function connectInside({ connection, directory }: TestPilot) {
  const seed = readFileSync(join(directory, 'keys', 'gateway.seed'), 'utf8').trim();
  const nats = await connectNats({
    servers: connection.brokers,
    seed,
    role: 'gateway',
    member: `test-${randomUUID().slice(0, 8)}`,
  });
  return { manager: await jetstreamManager(nats), buckets: await openBuckets(nats), close: () => nats.close() };
}

type Inside = Awaited<ReturnType<typeof connectInside>>;

/** Asked again where a server that has just been lost, or an election, leaves the question without an answer. */
async function askInside<T>(
  pilot: TestPilot,
  ask: (inside: Inside) => Promise<T | undefined>,
  what: string,
): Promise<T> {
  const asked = async () => {
    const inside = await connectInside(pilot);
    try {
      const answer = await ask(inside);
      return answer === undefined ? undefined : { answer };
    } finally {
      await inside.close();
    }
  };
  return (await eventually(asked, { timeoutMs: 60_000, what })).answer;
}

/** The node whose agent gathers: the holder of the trigger's lease. */
export function gathererNode(pilot: TestPilot, functionName = gatherFunction): Promise<string> {
  const holder = async ({ buckets }: Inside) => {
    const entry = await buckets.gatherLeases.get(gatherKey(functionName, trigger));
    return entry?.operation === 'PUT' ? entry.string() : undefined;
  };
  return askInside(pilot, holder, 'a gatherer');
}

export async function countDeadLetters(pilot: TestPilot): Promise<number> {
  const inside = await connectInside(pilot);
  try {
    return (await inside.manager.streams.info(streams.deadLetters)).state.messages;
  } finally {
    await inside.close();
  }
}

/** How many events are stored on the subjects. */
export function storedEvents(pilot: TestPilot, pattern: string): Promise<number> {
  const stored = async ({ manager }: Inside) => {
    const { state } = await manager.streams.info(streams.events, { subjects_filter: eventSubject(pattern) });
    return Object.values(state.subjects ?? {}).reduce((sum, count) => sum + count, 0);
  };
  return askInside(pilot, stored, `what is stored on ${pattern}`);
}

/** Gather events that are stored, and whether the trigger has a watermark. */
export async function gatherState(pilot: TestPilot): Promise<{ closedKeys: number; marked: boolean }> {
  const inside = await connectInside(pilot);
  try {
    const filter = gatherSubject(gatherFunction, trigger, '>');
    const { state } = await inside.manager.streams.info(streams.gathers, { subjects_filter: filter });
    const mark = await inside.buckets.gatherMarks.get(gatherKey(gatherFunction, trigger));
    return { closedKeys: Object.keys(state.subjects ?? {}).length, marked: mark?.operation === 'PUT' };
  } finally {
    await inside.close();
  }
}

/** An instance that works on a gather now, on the given node or on any. */
export function busyInstance(pilot: TestPilot, node?: string): Promise<{ pid: number; node: string }> {
  const find = async () =>
    (await pilot.client.get(gatherFunction)).instances.find(
      (instance) => instance.busy > 0 && (node === undefined || instance.node === node),
    );
  return eventually(find, { timeoutMs: 30_000, what: 'a busy instance' });
}

/** Resolves as soon as a node's agent is in the middle of fetching parts; looked for as often as this process can. */
export async function fetchingNode(pilot: TestPilot, nodes: readonly string[]): Promise<string> {
  const deadline = performance.now() + 30_000;
  const spools = nodes.map((node) => ({ node, spool: join(pilot.node(node).runDirectory, 'agent', 'spool') }));
  while (performance.now() < deadline) {
    for (const { node, spool } of spools) {
      // The file has its whole size from the beginning: what is written counts in blocks.
      for (const name of readdirSync(spool)) {
        const stat = statSync(join(spool, name), { throwIfNoEntry: false });
        if (stat && stat.blocks > 0 && stat.blocks * 512 < stat.size / 2) return node;
      }
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error('no agent was seen while it fetched parts');
}

export interface GatherRun {
  /** Results by scan, in the order in which they came. */
  readonly results: Map<string, string[]>;
  /** Resolves when every scan has a result and the function has nothing left to do. */
  finished(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}

/** Publishes the parts under names of this run; `at` is called before part `n` is sent, and waited for. */
export async function runGather(
  pilot: TestPilot,
  run: string,
  drafts: readonly PartDraft[],
  at: (part: number) => Promise<void> | undefined = () => undefined,
): Promise<GatherRun> {
  const source = await pilot.events('source');
  const viewer = await pilot.events('viewer');
  const results = new Map<string, string[]>();
  const reading = new AbortController();
  const events = await viewer.read('gathered.*', { signal: reading.signal });
  const read = (async () => {
    for await (const { subject, data } of events) {
      const scan = subject.slice('gathered.'.length);
      if (!scan.startsWith(`${run}-`)) continue;
      const name = scan.slice(run.length + 1);
      results.set(name, [...(results.get(name) ?? []), Buffer.from(data).toString('utf8')]);
    }
  })();
  const scans = new Set(drafts.map(({ scan }) => scan));
  const published = publishDrafts(source, run, drafts, at);
  // Told to whoever awaits `finished`.
  published.catch(() => undefined);
  return {
    results,
    async finished(timeoutMs) {
      await published;
      await eventually(() => results.size === scans.size, { timeoutMs, what: `${scans.size} results of ${run}` });
      await untilIdle(pilot, gatherFunction);
    },
    async close() {
      reading.abort();
      await read;
      await source.close();
      await viewer.close();
    },
  };
}

async function publishDrafts(
  source: Awaited<ReturnType<TestPilot['events']>>,
  run: string,
  drafts: readonly PartDraft[],
  at: (part: number) => Promise<void> | undefined,
): Promise<void> {
  for (const [n, { scan, part, expect, payload }] of drafts.entries()) {
    await at(n);
    const headers: Record<string, string> = {
      'Pilotfish-Part': part,
      ...(expect === undefined ? {} : { 'Pilotfish-Expect': expect }),
    };
    // Each message has an id of its own, doubles too: the stream keeps them all.
    await source.publish(`parts.${run}-${scan}.frame`, payload, { headers, id: `${run}.${n}` });
  }
  await source.flush();
}
