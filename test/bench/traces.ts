/** What tracing costs: events per CPU second through `echo` where one of a hundred is traced, against a pilot that traces none. */
import { jetstreamManager } from '@nats-io/jetstream';
import { streams } from '#broker';
import { TestPilot } from '../harness/pilot.ts';
import { TraceCollector } from '../harness/trace-collector.ts';
import { benchConnections, measure, openOurs } from './events.ts';
import { type BenchResult, compare, median } from './report.ts';
import type { BenchOptions } from './run.ts';

const ratio = 0.01;

/**
 * Runs take turns, either side first as often as the other, and the other pilot is idle meanwhile: what slows the machine down for
 * seconds meets both. So the ratio of neighbours is told, too; the first pair, in which the library is loaded, is not counted.
 */
export async function benchTraces({ runs, events }: BenchOptions): Promise<BenchResult[]> {
  await using collector = await TraceCollector.start();
  await using plain = await TestPilot.start({ coresPerNode: 1 });
  await using traced = await TestPilot.start({ coresPerNode: 1, traces: collector.url, traceRatio: ratio });
  const off: number[] = [];
  const share: number[] = [];
  for (let run = 0; run <= runs; run++) {
    const sides = [
      { pilot: plain, found: off },
      { pilot: traced, found: share },
    ];
    for (const { pilot, found } of run % 2 === 0 ? sides : sides.reverse()) found.push(await one(pilot, events));
    process.stderr.write(
      `run ${run}/${runs} events per CPU second: off ${off.at(-1)?.toFixed(0)}, 1 % ${share.at(-1)?.toFixed(0)}; ${collector.spans.length} spans\n`,
    );
  }
  const counted = { off: off.slice(1), share: share.slice(1) };
  const ratios = counted.share.map((value, at) => value / (counted.off[at] ?? Number.NaN));
  const pairs = { median: median(ratios), least: Math.min(...ratios), most: Math.max(...ratios) };
  process.stderr.write(
    `neighbours: ${pairs.median.toFixed(3)} (${pairs.least.toFixed(3)} to ${pairs.most.toFixed(3)}); without the first pair\n`,
  );
  return [{ ...compare('traced1pct-vs-off', 'events/CPU s', counted.share, counted.off), details: pairs }];
}

async function one(pilot: TestPilot, events: number): Promise<number> {
  await using sides = await benchConnections(pilot);
  const side = await openOurs(pilot);
  const perSecond = await measure(side, sides.gateway, sides.source, events);
  await side.close();
  await (await jetstreamManager(sides.gateway)).streams.purge(streams.events);
  return perSecond;
}
