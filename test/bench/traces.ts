/** What tracing costs: events per CPU second through `echo` where one of a hundred is traced, against a pilot that traces none. */
import { jetstreamManager } from '@nats-io/jetstream';
import { streams } from '#broker';
import { TestPilot } from '../harness/pilot.ts';
import { TraceCollector } from '../harness/trace-collector.ts';
import { benchConnections, measure, openOurs } from './events.ts';
import { type BenchResult, compare } from './report.ts';
import type { BenchOptions } from './run.ts';

const ratio = 0.01;

/** Runs take turns; the other pilot is idle meanwhile. */
export async function benchTraces({ runs, events }: BenchOptions): Promise<BenchResult[]> {
  await using collector = await TraceCollector.start();
  await using plain = await TestPilot.start({ coresPerNode: 1 });
  await using traced = await TestPilot.start({ coresPerNode: 1, traces: collector.url, traceRatio: ratio });
  const off: number[] = [];
  const share: number[] = [];
  for (let run = 0; run < runs; run++) {
    off.push(await one(plain, events));
    share.push(await one(traced, events));
    process.stderr.write(
      `run ${run + 1}/${runs} events per CPU second: off ${off.at(-1)?.toFixed(0)}, 1 % ${share.at(-1)?.toFixed(0)}; ${collector.spans.length} spans\n`,
    );
  }
  return [compare('traced1pct-vs-off', 'events/CPU s', share, off)];
}

async function one(pilot: TestPilot, events: number): Promise<number> {
  await using sides = await benchConnections(pilot);
  const side = await openOurs(pilot);
  const perSecond = await measure(side, sides.gateway, sides.source, events);
  await side.close();
  await (await jetstreamManager(sides.gateway)).streams.purge(streams.events);
  return perSecond;
}
