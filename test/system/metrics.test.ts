/** What monitoring reads of a pilot, and its accounting: the shipped settings, rules and panels before a real Prometheus. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { FunctionFolder } from '../harness/functions.ts';
import { post } from '../harness/https.ts';
import { TestPilot } from '../harness/pilot.ts';
import { checkMetrics, checkRules, missingPrometheus, startPrometheus } from '../harness/prometheus.ts';
import { untilResults } from '../harness/results.ts';

const missing = missingPrometheus();
const seenMs = 30_000;
const events = 40;
let pilot: TestPilot;
let gateway: string;
const functions = new FunctionFolder();

beforeAll(async () => {
  pilot = await TestPilot.start({ walltime: '2h' });
  await functions.deploy(
    pilot,
    'counted',
    `async (event, ctx) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      ctx.metrics.counter('frames', { help: 'Frames that were read.' }).add(2, { detector: 'a' });
      ctx.metrics.gauge('depth', { help: 'Frames in hand.' }).set(3);
      ctx.metrics.histogram('read_seconds', { help: 'How long reading took.', buckets: [0.1, 1] }).observe(0.5);
      ctx.metrics.counter('frames').add(1, { function: 'mine' });
      if (event.text() === '0') throw new Reject('no');
      return event.text();
    }`,
    ['on: [{ subject: "count.*" }]', 'output: "counted.{1}"', 'retry: { attempts: 1 }'],
  );
  await using source = await pilot.events('source');
  for (let at = 0; at < events; at++) await source.publish(`count.${at}`, String(at));
  await source.flush();
  await untilResults(pilot, 'counted', events - 1);
  for await (const { httpUrl } of pilot.client.watch(AbortSignal.timeout(seenMs))) {
    gateway = httpUrl;
    break;
  }
});

afterAll(async () => {
  await pilot?.[Symbol.asyncDispose]();
  functions[Symbol.dispose]();
});

async function metrics(): Promise<string> {
  const { status, text, headers } = await post(pilot.connection, `${gateway}/metrics`, '', { method: 'GET' });
  expect([status, headers['content-type']]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
  return text;
}

describe('/metrics', () => {
  it('counts every event once, by function, version and outcome, and in one bucket', async () => {
    const labels = 'function="counted",version="1"';
    const lines = [
      `pilotfish_invocations_total{${labels},outcome="ok"} ${events - 1}`,
      `pilotfish_invocations_total{${labels},outcome="failed"} 1`,
      `pilotfish_invocation_duration_seconds_count{${labels}} ${events}`,
      `pilotfish_invocation_duration_seconds_bucket{${labels},le="+Inf"} ${events}`,
    ];
    const counted = async () => {
      const text = await metrics();
      return lines.every((line) => text.includes(`${line}\n`));
    };
    // Agents tell of counters alone each half second.
    await eventually(counted, { timeoutMs: seenMs, what: 'all events are counted' });
    const text = await metrics();
    expect(text).toContain('pilotfish_function_dead_letters{function="counted"} 1');
  });

  it('has what the function measures itself, and says in its log what it refuses', async () => {
    const lines = [
      `pilotfish_user_frames_total{function="counted",detector="a"} ${2 * events}`,
      'pilotfish_user_depth{function="counted",node="n1"} 3',
      'pilotfish_user_read_seconds_bucket{function="counted",le="0.1"} 0',
      `pilotfish_user_read_seconds_bucket{function="counted",le="1"} ${events}`,
      `pilotfish_user_read_seconds_sum{function="counted"} ${events / 2}`,
    ];
    const measured = async () => {
      const text = await metrics();
      return lines.every((line) => text.includes(`${line}\n`));
    };
    await eventually(measured, { timeoutMs: seenMs, what: 'what the function measured is there' });
    expect(await metrics()).toContain('# HELP pilotfish_user_frames_total Frames that were read.\n');
    const refusal = 'the metric frames_total is refused: the label function is the platform';
    const told = async () => (await pilot.cli(['logs', 'counted', '--since', '1h'])).stdout.split(refusal).length > 1;
    await eventually(told, { timeoutMs: seenMs, what: 'the refusal is in the log' });
  });

  it('has labels of bounded number only', async () => {
    const own = (await metrics()).replaceAll(/^pilotfish_user_.*$/gm, '');
    const labels = new Set([...own.matchAll(/[{,](\w+)="/g)].map(([, name]) => name));
    expect([...labels].sort()).toEqual(['block', 'function', 'le', 'node', 'outcome', 'state', 'version']);
  });

  it('is closed to whoever may not look', async () => {
    const file = join(functions.path, 'source.json');
    const made = await pilot.cli(['auth', 'token', 'create', '--role', 'publish', '--out', file]);
    expect(made.code, made.stderr).toBe(0);
    const { tls } = JSON.parse(readFileSync(file, 'utf8')) as { tls: object };
    expect((await post(pilot.connection, `${gateway}/metrics`, '', { method: 'GET', tls })).status).toBe(403);
  });

  it.skipIf(missing)(`is what promtool accepts${missing ? ` (${missing})` : ''}`, async () => {
    expect(checkMetrics(await metrics())).toBe('');
    expect(checkRules()).toContain('SUCCESS');
  });

  it.skipIf(missing)(
    `is read by Prometheus as the shipped files have it, and fills every panel${missing ? ` (${missing})` : ''}`,
    { timeout: 60_000 },
    async () => {
      await using prometheus = await startPrometheus(pilot.connection, gateway);
      const up = async () => (await prometheus.query('up{job="pilotfish"} == 1')).length === 1;
      await eventually(up, { timeoutMs: seenMs, what: 'Prometheus has read the pilot' });
      const panels = JSON.parse(
        readFileSync(join(import.meta.dirname, '../../deploy/monitoring/grafana-dashboard.json'), 'utf8'),
      ) as { panels: { title: string; targets: { expr: string }[] }[] };
      for (const { title, targets } of panels.panels) {
        for (const { expr } of targets) {
          const filled = async () => (await prometheus.query(expr.replaceAll('$function', '.*'))).length > 0;
          await eventually(filled, { timeoutMs: seenMs, what: `"${title}" shows something` });
        }
      }
      const [sum] = await prometheus.query('sum(pilotfish_invocations_total)');
      expect(sum?.value[1]).toBe(String(events));
    },
  );
});

describe('pilotfish usage', () => {
  it('tells events and seconds, as a table, as JSON and as CSV', async () => {
    const json = await pilot.cli(['usage', '-o', 'json']);
    expect(json.code, json.stderr).toBe(0);
    const { items } = JSON.parse(json.stdout) as { items: Record<string, number>[] };
    expect(items).toEqual([
      expect.objectContaining({ function: 'counted', version: 1, events: events - 1, failed: 1 }),
    ]);
    const [{ busySeconds = 0, slotSeconds = 0, nodeSeconds = 0 } = {}] = items;
    // Each call waits for 20 ms; timers may fire a millisecond early.
    expect(busySeconds).toBeGreaterThan(events * 0.018);
    // A node of two slots: a slot is half of it.
    // Both are told to the millisecond.
    expect(Math.abs(nodeSeconds - slotSeconds / 2)).toBeLessThan(0.002);
    const csv = await pilot.cli(['usage', '-o', 'csv']);
    expect(csv.stdout).toMatch(/^function,version,events,failed,nodeSeconds,slotSeconds,busySeconds\ncounted,1,39,1,/);
    expect((await pilot.cli(['usage'])).stdout).toMatch(/counted\t1\t39\t1/);
    const ofFunction = await pilot.cli(['usage', '--by', 'function', '-o', 'csv']);
    expect(ofFunction.stdout).toMatch(/^function,events,failed,nodeSeconds,slotSeconds,busySeconds\ncounted,39,1,/);
  });

  it('tells each scan, which is what the subject says', async () => {
    const counted = async () => {
      const { stdout } = await pilot.cli(['usage', '--by', 'scan', '-o', 'json']);
      const { items } = JSON.parse(stdout) as { items: { scan: string; events: number; failed: number }[] };
      const failed = items.filter((item) => item.failed === 1).map(({ scan }) => scan);
      return items.length === events && failed.join() === '0' && new Set(items.map(({ scan }) => scan)).size === events;
    };
    // Agents tell of scans once a second.
    await eventually(counted, { timeoutMs: seenMs, what: 'each scan is told' });
    const csv = await pilot.cli(['usage', '--by', 'scan', '-o', 'csv']);
    expect(csv.stdout).toMatch(/^scan,function,version,events,failed,nodeSeconds,busySeconds\n/);
    expect(csv.stdout).toMatch(/^7,counted,1,1,0,/m);
  });

  it('goes on when the agent is killed, and the gateway ends after it', { timeout: 90_000 }, async () => {
    const [agent, first] = [pilot.pid('n1', 'agent'), pilot.pid('n1', 'gateway')];
    process.kill(agent, 'SIGKILL');
    const back = async () =>
      (await pilot.client.nodes()).some(({ state, instances }) => state === 'ready' && instances.length > 0);
    await eventually(async () => pilot.pid('n1', 'agent') !== agent && (await back()), {
      timeoutMs: seenMs,
      what: 'the agent is back',
    });
    process.kill(first, 'SIGTERM');
    const told = async () => {
      const { code, stdout } = await pilot.cli(['usage', '-o', 'csv']);
      return pilot.pid('n1', 'gateway') !== first && code === 0 && stdout.includes('counted,1,39,1,');
    };
    await eventually(told, { timeoutMs: seenMs, what: 'the next gateway tells the same' });
    const text = await metrics();
    expect(text).toContain(`pilotfish_user_frames_total{function="counted",detector="a"} ${2 * events}\n`);
    expect(text).toContain(`pilotfish_invocations_total{function="counted",version="1",outcome="ok"} ${events - 1}\n`);
  });
});
