/**
 * From zero on a real pilot: the first call, and the first event, of a small function that sleeps, to its result; against the
 * next one, which finds it awake.
 */
import { eventually } from '../../harness/eventually.ts';
import { FunctionFolder } from '../../harness/functions.ts';
import { TestPilot } from '../../harness/pilot.ts';
import { type BenchResult, compare } from '../report.ts';

const payload = Buffer.alloc(128, 1);
/** Long after its instance has gone: the node has another host ready by then, as it has for whoever sleeps. */
const asleepMs = 1_000;

type Once = (id: string) => Promise<void>;

export async function benchFromZero(rounds: number): Promise<BenchResult[]> {
  using functions = new FunctionFolder();
  await using pilot = await TestPilot.start({ coresPerNode: 2 });
  await functions.deploy(pilot, 'sleepy', '(event) => event.data', [
    'on: [{ subject: "sleepy.*" }]',
    'output: "slept.{1}"',
    'scale: { cooldown: 100ms }',
  ]);
  await using source = await pilot.events('source');
  await using viewer = await pilot.events('viewer');
  const results = (await viewer.read('slept.*', { from: 'new' }))[Symbol.asyncIterator]();
  const call: Once = async () => void (await pilot.client.invoke('sleepy', payload));
  const event: Once = async (id) => {
    const result = results.next();
    await source.publish(`sleepy.${id}`, payload, { id });
    await result;
  };
  return [
    await firstAndNext('first-call-from-zero-vs-next', pilot, call, rounds),
    await firstAndNext('first-event-from-zero-vs-next', pilot, event, rounds),
  ];
}

async function firstAndNext(name: string, pilot: TestPilot, once: Once, rounds: number): Promise<BenchResult> {
  const first: number[] = [];
  const next: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    await asleep(pilot);
    const cold = await timed(() => once(`${name}-${round}-first`));
    const warm = await timed(() => once(`${name}-${round}-next`));
    // The first round warms files and code up.
    if (round === 0) continue;
    first.push(cold);
    next.push(warm);
  }
  return { ...compare(name, 'ms', first, next), details: { slowest: Math.max(...first) } };
}

async function asleep(pilot: TestPilot): Promise<void> {
  await eventually(async () => (await pilot.client.get('sleepy')).instances.length === 0, {
    timeoutMs: 30_000,
    what: 'no instance of it',
  });
  await new Promise((resolve) => setTimeout(resolve, asleepMs));
}

async function timed(run: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await run();
  return performance.now() - began;
}
