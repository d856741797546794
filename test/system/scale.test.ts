/** The autoscaler on a real pilot: a tenfold step, what is said about it, and what must not shake it. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ScaleDecision } from '#proto';
import { eventually } from '../harness/eventually.ts';
import { FunctionFolder } from '../harness/functions.ts';
import { publishNumbered, wrongCounts } from '../harness/numbered.ts';
import { TestPilot } from '../harness/pilot.ts';
import { ScaleWatch } from '../harness/scale-watch.ts';

const functions = new FunctionFolder();
let pilot: TestPilot;

beforeAll(async () => {
  // The function waits, so that slots may be many more than processors.
  pilot = await TestPilot.start({ nodes: 2, coresPerNode: 16, gpusPerNode: 1, label: 'rack=a' });
}, 60_000);

afterAll(async () => {
  functions[Symbol.dispose]();
  await pilot?.[Symbol.asyncDispose]();
}, 60_000);

const waits = `async (event, ctx) => {
  await new Promise((resolve) => setTimeout(resolve, 20));
  return String(ctx.attempt);
}`;
const waitsSettings = [
  'on: [{ subject: "waits.*" }]',
  'output: "waited.{1}"',
  'scale: { min: 1, max: 32, cooldown: 3s, drainTarget: 2s }',
];

const drainTargetMs = 2_000;

const before = { rate: 40, count: 240 };
const step = { rate: 400, count: 4_000 };

/** What a call took, at its slowest, by what the decisions went by: on a busy machine 20 ms become 40, a throw 15. */
function slowestMs(decisions: readonly ScaleDecision[], atLeastMs: number): number {
  const perSecond = decisions.flatMap(({ reason }) => /([\d.,]+)\/s an instance/.exec(reason)?.[1] ?? []);
  return Math.max(atLeastMs, ...perSecond.map((text) => 1_000 / Number(text.replaceAll(',', ''))));
}

it('a tenfold step: capacity follows, is not overdone, and goes back; nothing is lost or stopped', async () => {
  await functions.deploy(pilot, 'waits', waits, waitsSettings);
  // Beside it one that throws at once, and keeps coming back for more.
  await functions.deploy(pilot, 'throws', '() => { throw new Error("at once"); }', [
    'on: [{ subject: "throws.*" }]',
    'retry: { attempts: 3, min: 100ms, max: 200ms }',
    'scale: { max: 8, cooldown: 1s }',
  ]);
  const watch = new ScaleWatch(pilot, 'waits');
  await using source = await pilot.events('source');
  for (let at = 0; at < 200; at++) await source.publish(`throws.${at}`, 'x', { id: `throws-${at}` });
  const through = { function: 'waits', subject: 'waits', output: 'waited' };
  const calm = await publishNumbered(pilot, 'calm', before.count, before.rate, through);
  await calm.finished(60_000);
  const steppedAt = performance.now();
  const steppedWallMs = Date.now();
  const wantedBefore = watch.last?.wanted ?? 0;
  const load = await publishNumbered(pilot, 'step', step.count, step.rate, through);
  await load.published;
  const publishedAt = performance.now();
  await load.finished(60_000);
  const { decisions } = await pilot.client.scale('waits');
  const serviceMs = slowestMs(
    decisions.filter(({ timeMs }) => timeMs >= steppedWallMs),
    20,
  );
  // What the step needs; or what waits, on a machine so busy that more does than the drain target allows: the larger term
  // of the formula, never their sum.
  const backlog = watch.mostLag(steppedAt, publishedAt) * serviceMs;
  const forRate = (step.rate * serviceMs) / 1_000 / 0.8;
  const needed = Math.ceil(Math.max(forRate, backlog / (drainTargetMs + serviceMs)));
  const most = watch.mostWanted(steppedAt, publishedAt);
  const doubledMs = watch.untilReady(steppedAt, 2 * wantedBefore);
  const drainMs = backlog / needed;
  await eventually(() => watch.last?.wanted === 1, { timeoutMs: 60_000, what: 'back at its minimum' });
  const backMs = performance.now() - publishedAt;
  await watch.close();
  process.stderr.write(
    `step x10: ${wantedBefore} -> ${most} instances (${needed} needed at ${serviceMs.toFixed(1)} ms), doubled after ` +
      `${Math.round(doubledMs)} ms, longest backlog ${Math.round(drainMs)} ms of work, back at 1 after ${Math.round(backMs)} ms\n` +
      decisions.map(({ from, to, reason }) => `  ${from} -> ${to}: ${reason}\n`).join(''),
  );
  expect(most).toBeGreaterThanOrEqual(2 * wantedBefore);
  expect(doubledMs).toBeLessThan(Number.POSITIVE_INFINITY);
  expect(most).toBeLessThanOrEqual(Math.ceil(1.25 * needed));
  expect([...wrongCounts(calm, before.count), ...wrongCounts(load, step.count)]).toEqual([]);
  // No busy instance was stopped: each event was handled once, at its first attempt.
  const { summary } = await pilot.client.get('waits');
  expect({ handled: summary?.handled, failed: summary?.failed }).toEqual({
    handled: before.count + step.count,
    failed: 0,
  });
  // What keeps coming back is no more work than it was: 200 in the half second that a rate is taken of at least, times what
  // a throw takes here.
  const throwing = await pilot.client.scale('throws');
  const enough = Math.ceil((400 * slowestMs(throwing.decisions, 5)) / 1_000 / 0.8);
  expect(Math.max(0, ...throwing.decisions.map(({ to }) => to))).toBeLessThanOrEqual(enough);
  await calm.close();
  await load.close();
}, 180_000);

it('a function that keeps a processor busy goes from one instance to two, and back', async () => {
  const burns = `(event, ctx) => {
    for (const end = Date.now() + 20; Date.now() < end; );
    return String(ctx.attempt);
  }`;
  await functions.deploy(pilot, 'burns', burns, [
    'on: [{ subject: "burns.*" }]',
    'output: "burnt.{1}"',
    'scale: { min: 1, max: 2, cooldown: 2s, drainTarget: 2s }',
  ]);
  const watch = new ScaleWatch(pilot, 'burns');
  const through = { function: 'burns', subject: 'burns', output: 'burnt' };
  const calm = await publishNumbered(pilot, 'burn-calm', 10, 5, through);
  await calm.finished(60_000);
  const steppedAt = performance.now();
  const steppedWallMs = Date.now();
  const load = await publishNumbered(pilot, 'burn-step', 250, 50, through);
  await eventually(() => watch.untilReady(steppedAt, 2) < Number.POSITIVE_INFINITY, {
    timeoutMs: 40_000,
    what: 'two instances ready',
  });
  await load.finished(90_000);
  await eventually(() => watch.last?.wanted === 1, { timeoutMs: 60_000, what: 'back at its minimum' });
  const grown = (await pilot.client.scale('burns')).decisions.find(({ to }) => to === 2);
  process.stderr.write(
    `step x10, bound to a processor: 2 ready after ${Math.round(watch.untilReady(steppedAt, 2))} ms, decided after ` +
      `${(grown?.timeMs ?? Number.NaN) - steppedWallMs} ms (${grown?.reason})\n`,
  );
  expect(watch.mostWanted(steppedAt)).toBe(2);
  await watch.close();
  expect([...wrongCounts(calm, 10), ...wrongCounts(load, 250)]).toEqual([]);
  // The gateway counts what the agent's last report said.
  const counts = async () => {
    const { summary } = await pilot.client.get('burns');
    return { handled: summary?.handled, failed: summary?.failed };
  };
  await expect.poll(counts, { timeout: 20_000 }).toEqual({ handled: 260, failed: 0 });
  await calm.close();
  await load.close();
}, 240_000);

it('an agent that dies in the middle of a step shakes nothing else', async () => {
  await functions.deploy(pilot, 'steady', '(event) => event.data', [
    'on: [{ subject: "steady.*" }]',
    'scale: { min: 2, max: 2 }',
  ]);
  await eventually(async () => (await pilot.client.scale('steady')).ready === 2, {
    timeoutMs: 20_000,
    what: 'two ready',
  });
  const through = { function: 'waits', subject: 'waits', output: 'waited' };
  const load = await publishNumbered(pilot, 'killed', 2_000, 400, through);
  await eventually(async () => (await pilot.client.scale('waits')).wanted >= 4, { timeoutMs: 20_000, what: 'growth' });
  process.kill(pilot.pid('n2', 'agent'), 'SIGKILL');
  await load.finished(90_000);
  expect(wrongCounts(load, 2_000)).toEqual([]);
  await load.close();
  const steady = await pilot.client.scale('steady');
  expect(steady.decisions.map(({ to }) => to)).toEqual([2]);
}, 180_000);

it('`scale` explains, sets, pauses and resumes; `top` streams the decisions', async () => {
  const explained = await pilot.cli(['scale', 'explain', 'waits', '--last', '100', '-o', 'json']);
  expect(explained.code).toBe(0);
  const told = JSON.parse(explained.stdout) as {
    reason: string;
    decisions: { from: number; to: number; reason: string }[];
  };
  expect(told.decisions.length).toBeGreaterThan(3);
  expect(told.decisions.some(({ reason }) => /lag [\d,]+, [\d.]+\/s in.*an instance.* -> \d+/.test(reason))).toBe(true);
  expect((await pilot.cli(['scale', 'explain', 'waits'])).stdout).toMatch(/^why\t.+->/m);

  expect(await pilot.cli(['scale', 'set', 'waits', '--min', '3', '--max', '4'])).toMatchObject({
    code: 0,
    stdout: 'waits\tmin 3, max 4\n',
  });
  await eventually(async () => (await pilot.client.scale('waits')).ready === 3, {
    timeoutMs: 20_000,
    what: 'three ready',
  });
  expect((await pilot.cli(['scale', 'get', 'waits'])).stdout).toContain('3 to 4 by scale set');
  expect((await pilot.cli(['scale', 'pause', 'waits', '--in'])).stdout).toBe('waits\tmin 3, max 4, scale-in paused\n');
  expect(await pilot.cli(['scale', 'set', 'waits', '--min', '9'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('contradict'),
  });
  expect((await pilot.cli(['scale', 'resume', 'waits'])).stdout).toBe('waits\tmin 3, max 4\n');
  // It stands above a gateway that comes anew.
  process.kill(pilot.pid('n1', 'gateway'), 'SIGKILL');
  await eventually(async () => (await pilot.client.scale('waits')).boundsBy === 'scale set', {
    timeoutMs: 30_000,
    what: 'kept',
  });
  // So do the decisions, for whoever asks why: one that was neither about to be forgotten nor taken this moment.
  const early = told.decisions[told.decisions.length >> 1];
  expect((await pilot.client.scale('waits')).decisions.map(({ reason }) => reason)).toContain(early?.reason);
  expect((await pilot.cli(['scale', 'set', 'waits', '--reset'])).stdout).toBe('waits\tnothing\n');
  const top = await pilot.cli(['top', '--count', '1', '-o', 'json']);
  expect(JSON.parse(top.stdout)).toMatchObject({ function: expect.any(String), reason: expect.stringMatching(/./) });
}, 120_000);

it('gives each instance a GPU of its own, and a label that no node has is said, to who looks and to who calls', async () => {
  const device = '() => process.env.CUDA_VISIBLE_DEVICES ?? "none"';
  await functions.deploy(pilot, 'device', device, [
    'resources: { gpus: 1 }',
    'placement: { labels: { rack: a } }',
    'scale: { min: 3, max: 3 }',
  ]);
  const explained = () => pilot.client.scale('device');
  await expect.poll(async () => (await explained()).reason, { timeout: 30_000 }).toContain('held at 2 by GPUs');
  await expect.poll(async () => (await explained()).ready, { timeout: 30_000 }).toBe(2);
  const { instances } = (await pilot.client.get('device')) as { instances: readonly { node: string }[] };
  expect(instances.map(({ node }) => node).sort()).toEqual(['n1', 'n2']);
  expect((await pilot.cli(['invoke', 'device', '-d', ''])).stdout).toBe('0');

  await functions.deploy(pilot, 'elsewhere', device, ['placement: { labels: { rack: b } }', 'scale: { min: 1 }']);
  const reason = async () => (await pilot.client.scale('elsewhere')).reason;
  await expect.poll(reason, { timeout: 30_000 }).toContain('held at 0 by the label rack=b');
  expect(await pilot.cli(['invoke', 'elsewhere', '-d', ''])).toMatchObject({
    code: 8,
    stderr: expect.stringContaining('no node of the pilot has what elsewhere asks for'),
  });
  const { stdout } = await pilot.cli(['node', 'list', '-o', 'wide']);
  expect(stdout).toMatch(/GPUS\s+LABELS/);
  expect(stdout).toMatch(/\b1\s+rack=a\b/);
}, 120_000);
