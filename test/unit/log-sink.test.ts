/** A noisy function: its lines are bounded, what was dropped is said and counted, and others are not held up. */
import type { NatsConnection } from '@nats-io/transport-node';
import { expect, it } from 'vitest';
import type { Clock } from '#common';
import { type LogLine, LogSink } from '../../platform/agent/records/log-sink.ts';

/** Time that stands still until a test lets it pass. */
function standingClock() {
  let now = 0;
  let sleepers: { readonly at: number; readonly wake: () => void }[] = [];
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    sleep: (ms) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      sleepers.push({ at: now + ms, wake: resolve });
      return promise;
    },
  };
  const pass = async (ms: number): Promise<void> => {
    now += ms;
    for (const { wake } of sleepers.filter(({ at }) => at <= now)) wake();
    sleepers = sleepers.filter(({ at }) => at > now);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { clock, pass };
}

function recorded() {
  const lines: (LogLine & { readonly subject: string })[] = [];
  const connection = {
    isClosed: () => false,
    publish: (subject: string, text: string) => void lines.push({ subject, ...JSON.parse(text) }),
  } as unknown as NatsConnection;
  return { lines, connection };
}

const entry = { instance: 'n1-1', level: 'info', call: '' };

it('keeps a burst of two seconds, counts the rest, and says so once, with nothing more being written', async () => {
  const { clock, pass } = standingClock();
  const { lines, connection } = recorded();
  const sink = new LogSink(connection, clock, 'n1');
  for (let line = 0; line < 5_000; line++) sink.write({ ...entry, functionName: 'noisy', text: `line ${line}` });
  sink.write({ ...entry, functionName: 'quiet', text: 'heard' });
  expect(lines.filter(({ subject }) => subject.startsWith('log.noisy.'))).toHaveLength(1_000);
  expect(lines.at(-1)).toMatchObject({ subject: 'log.quiet.n1-1', text: 'heard' });
  await pass(1_000);
  expect(lines.at(-1)).toMatchObject({ level: 'warn', text: '4,000 lines dropped: over 500 a second' });
  await pass(10_000);
  expect(lines).toHaveLength(1_002);
});

it('counts what an instance has dropped with what it drops itself', async () => {
  const { clock, pass } = standingClock();
  const { lines, connection } = recorded();
  const sink = new LogSink(connection, clock, 'n1');
  for (let line = 0; line < 1_002; line++) sink.write({ ...entry, functionName: 'noisy', text: `line ${line}` });
  sink.write({ ...entry, functionName: 'noisy', text: '', dropped: 40 });
  await pass(1_000);
  expect(lines).toHaveLength(1_001);
  expect(lines.at(-1)).toMatchObject({ level: 'warn', text: '42 lines dropped: over 500 a second' });
});

it('lets 500 lines a second through for as long as it goes on, and accounts for each line', async () => {
  const { clock, pass } = standingClock();
  const { lines, connection } = recorded();
  const sink = new LogSink(connection, clock, 'n1');
  const [seconds, eachTick, ticks] = [20, 20, 100];
  for (let tick = 0; tick < seconds * ticks; tick++) {
    for (let line = 0; line < eachTick; line++) sink.write({ ...entry, functionName: 'noisy', text: 'line' });
    await pass(1_000 / ticks);
  }
  await pass(1_000);
  const kept = lines.filter(({ text }) => text === 'line').length;
  const notices = lines
    .flatMap(({ text }) => /^([\d,]+) lines? dropped/.exec(text)?.[1]?.replaceAll(',', '') ?? [])
    .map(Number);
  expect(kept).toBeLessThanOrEqual(1_000 + seconds * 500);
  expect(kept).toBeGreaterThan(seconds * 500);
  expect(kept + notices.reduce((sum, count) => sum + count, 0)).toBe(seconds * ticks * eachTick);
  expect(notices.length).toBeLessThanOrEqual(seconds + 1);
});
