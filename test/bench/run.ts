/** `npm run bench -- NAME [--json]`: runs one benchmark; ratios against a baseline of the same run. */
import { parseArgs } from 'node:util';
import { benchAutoscaler } from './autoscaler/bench.ts';
import { benchDelivery } from './delivery.ts';
import { benchEvents } from './events.ts';
import { benchKernels } from './kernels.ts';
import { benchPreviews } from './previews.ts';
import { type BenchReport, type BenchResult, table } from './report.ts';
import { benchRuntime } from './runtime.ts';
import { benchScale } from './scale/bench.ts';
import { benchSecurity } from './security/bench.ts';
import { benchSources } from './sources.ts';
import { benchTraces } from './traces.ts';

/** Each runs for a minute or so. */
const benches: Record<string, (options: BenchOptions) => Promise<BenchResult[] | BenchReport>> = {
  autoscaler: benchAutoscaler,
  delivery: benchDelivery,
  events: benchEvents,
  kernels: benchKernels,
  previews: benchPreviews,
  runtime: benchRuntime,
  scale: benchScale,
  security: benchSecurity,
  sources: benchSources,
  traces: benchTraces,
};

export interface BenchOptions {
  /** Counted runs of each side. */
  readonly runs: number;
  /** Events of one run. */
  readonly events: number;
  /** A Python that has TomoPy, for `kernels`. */
  readonly tomopy?: string | undefined;
  /** Of `previews`: a scan instead of the phantom, its axis in columns, and a folder for the pictures. */
  readonly input?: string | undefined;
  readonly centre?: number | undefined;
  readonly out?: string | undefined;
  /** Of `scale`: how many there are, one size after the other. */
  readonly agents: readonly number[];
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean' },
    runs: { type: 'string', default: '5' },
    events: { type: 'string', default: '60000' },
    tomopy: { type: 'string' },
    input: { type: 'string' },
    centre: { type: 'string' },
    out: { type: 'string' },
    agents: { type: 'string', default: '10,100,1000' },
  },
});
const [name = ''] = positionals;
const bench = benches[name];
if (!bench) {
  process.stderr.write(
    `usage: npm run bench -- NAME [--json] [--runs N] [--events N] [--tomopy PYTHON] [--input SCAN] [--centre C] [--out FOLDER] [--agents N,M]\nNAME is one of: ${Object.keys(benches).join(', ')}\n`,
  );
  process.exit(2);
}
const { tomopy, input, out } = values;
const centre = values.centre === undefined ? undefined : Number(values.centre);
const results = await bench({
  runs: Number(values.runs),
  events: Number(values.events),
  tomopy,
  input,
  centre,
  out,
  agents: values.agents.split(',').map(sizeOf),
});

function sizeOf(text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text);
  process.stderr.write(`--agents takes numbers, one size after the other, such as 10,100,1000; "${text}" is none\n`);
  process.exit(2);
}

const report = Array.isArray(results) ? { rows: results, text: table(results) } : results;
for (const row of report.rows) if (values.json) process.stdout.write(`${JSON.stringify(row)}\n`);
if (!values.json) process.stdout.write(`${report.text}\n`);
process.exit(0);
