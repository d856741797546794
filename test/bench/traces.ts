/**
 * What tracing costs: CPU time of an event through `echo` where one of a hundred is traced, against where none is. Processes
 * differ by more than tracing costs, so both sides are slices of one pilot's life: a source says of one event in twenty that
 * it is traced, or of none. Slices come as plain, traced, traced, plain: what drifts meets both. What a traced event costs more
 * than another is the same however many there are, so a fifth of the excess is that of one in a hundred, and a fifth of the noise.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { streams } from '#broker';
import { TestPilot } from '../harness/pilot.ts';
import { TraceCollector } from '../harness/trace-collector.ts';
import { cpuNanoseconds } from './cpu.ts';
import { benchConnections, drained, openOurs, publishEvents, type Side, warmUpEvents } from './events.ts';
import { type BenchResult, compare, median, medianInterval } from './report.ts';
import type { BenchOptions } from './run.ts';

const every = 20;
const reportedEvery = 100;
/** Groups of four slices in a run. */
const groupsPerRun = 2;
/**
 * Spans go out each second: those of a slice are to be paid for in it. V8 uses such a pause to collect the whole heap, in most slices but
 * not in all, which no pilot with a stream has time for: so a slice is twice as long as the pause and longer.
 */
const exportMs = 1_200;
const spansPerEvent = 5;

export async function benchTraces({ runs, events }: BenchOptions): Promise<BenchResult[]> {
  await using collector = await TraceCollector.start();
  // A source's word stands whatever the share is; what the share itself costs an event is one multiplication, on both sides.
  await using pilot = await TestPilot.start({ coresPerNode: 1, traces: collector.url, traceRatio: 0 });
  await using connections = await benchConnections(pilot);
  const slicer = new Slicer(await openOurs(pilot), connections, events);
  await slicer.warmUp();
  const before = collector.spans.length;
  const plain: number[] = [];
  const traced: number[] = [];
  for (let group = 0; group < runs * groupsPerRun; group++) {
    const [a, b, c, d] = [await slicer.run(0), await slicer.run(every), await slicer.run(every), await slicer.run(0)];
    plain.push(2 / (a + d));
    traced.push(2 / (a + d + ((b + c - a - d) * every) / reportedEvery));
    process.stderr.write(
      `group ${group + 1}/${runs * groupsPerRun}: one in ${every} ${((a + d) / (b + c)).toFixed(3)}\n`,
    );
  }
  const wanted = slicer.tracedEvents * spansPerEvent;
  const came = collector.spans.length - before;
  if (came < wanted) throw new Error(`${came} spans came, ${wanted} were due`);
  const ratios = traced.map((value, at) => value / (plain[at] ?? Number.NaN));
  const interval = medianInterval(ratios);
  process.stderr.write(
    `groups: median ${median(ratios).toFixed(4)}, 95 of 100 resamplings ${interval.low.toFixed(4)} to ${interval.high.toFixed(4)}; ${came} spans\n`,
  );
  const details = { median: median(ratios), ...interval };
  return [{ ...compare('traced1pct-vs-off', 'events/CPU s', traced, plain), ratio: details.median, details }];
}

class Slicer {
  readonly #side: Side;
  readonly #gateway: NatsConnection;
  readonly #source: NatsConnection;
  readonly #events: number;
  tracedEvents = 0;

  constructor(side: Side, { gateway, source }: { gateway: NatsConnection; source: NatsConnection }, events: number) {
    this.#side = side;
    this.#gateway = gateway;
    this.#source = source;
    this.#events = events;
  }

  /** Code is compiled, that for traced events, too, of which a pilot sees so many in minutes; what sends spans is loaded. */
  async warmUp(): Promise<void> {
    for (const share of [0, 1]) await publishEvents(this.#source, this.#side.subject, warmUpEvents, share);
    for (const share of [every, 0, every, 0]) await this.run(share);
    // Of that burst of traced events more spans came than may wait.
    this.tracedEvents = 0;
  }

  /** CPU seconds of an event; one in `share` is traced, none at 0. */
  async run(share: number): Promise<number> {
    const manager = await jetstreamManager(this.#gateway);
    await drained(manager, this.#side);
    await manager.streams.purge(streams.events);
    const before = cpuNanoseconds(this.#side.pid);
    await publishEvents(this.#source, this.#side.subject, this.#events, share);
    await drained(manager, this.#side);
    await sleep(exportMs);
    if (share > 0) this.tracedEvents += Math.ceil(this.#events / share);
    return (cpuNanoseconds(this.#side.pid) - before) / 1e9 / this.#events;
  }
}
