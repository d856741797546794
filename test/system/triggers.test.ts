/** Triggers on a subject: what they take, where they begin, how fast they replay; and what pausing one does. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { FunctionFolder } from '../harness/functions.ts';
import { TestPilot } from '../harness/pilot.ts';
import { resultsOf, untilResults } from '../harness/results.ts';
import { untilIdle } from '../harness/until-idle.ts';

const functions = new FunctionFolder();
let pilot: TestPilot;

beforeAll(async () => {
  pilot = await TestPilot.start({ coresPerNode: 8 });
}, 60_000);

afterAll(async () => {
  functions[Symbol.dispose]();
  await pilot?.[Symbol.asyncDispose]();
}, 60_000);

async function publish(subjects: readonly string[], headers: Record<string, string> = {}): Promise<void> {
  await using source = await pilot.events('source');
  for (const subject of subjects) await source.publish(subject, subject, { headers });
  await source.flush();
}

describe('a subject trigger', () => {
  it('takes the subjects and headers of its filter; the others count as done', async () => {
    await functions.deploy(pilot, 'picky', '(event) => event.text()', [
      'on: [{ subject: "pick.>", filter: { subjects: ["pick.a.*", "pick.b"], headers: { kind: [dark, flat] } } }]',
      'output: picked.all',
    ]);
    await publish(['pick.a.1', 'pick.b', 'pick.c'], { kind: 'dark' });
    await publish(['pick.a.2', 'pick.b.c'], { Kind: 'flat' });
    await publish(['pick.a.3', 'pick.b'], { kind: 'projection' });
    await publish(['pick.a.4']);
    expect(await untilResults(pilot, 'picked', 3)).toEqual(['pick.a.1', 'pick.a.2', 'pick.b']);
    await untilIdle(pilot, 'picky');
    expect(await resultsOf(pilot, 'picked')).toHaveLength(3);
  }, 60_000);

  it('begins with what is new, at a time, or at a sequence; another beginning begins anew, the same one does not', async () => {
    const deploy = (from: string) =>
      functions.deploy(pilot, 'late', '(event) => `${event.subject} ${event.sequence}`', [
        `on: [{ subject: "begin.*", from: ${from} }]`,
        'output: "begun.{1}"',
      ]);
    await publish(['begin.a', 'begin.b']);
    const tailed = await pilot.cli(['tail', 'begin.*', '--from', '2026-01-01T00:00:00Z', '--count', '2', '-o', 'name']);
    expect(tailed).toMatchObject({ code: 0, stdout: 'begin.a\nbegin.b\n' });
    await deploy('new');
    await publish(['begin.c']);
    const [third] = await untilResults(pilot, 'begun', 1);
    expect(third).toMatch(/^begin\.c /);
    await untilIdle(pilot, 'late');
    await deploy('new');
    const sequence = Number(third?.split(' ')[1]);
    await deploy(String(sequence - 1));
    // The result of begin.c is stored already, and is not doubled (R3).
    expect(await untilResults(pilot, 'begun', 2)).toEqual([`begin.b ${sequence - 1}`, third]);
    await untilIdle(pilot, 'late');
    await deploy('2026-01-01T00:00:00Z');
    expect(await untilResults(pilot, 'begun', 3)).toEqual([
      `begin.a ${sequence - 2}`,
      `begin.b ${sequence - 1}`,
      third,
    ]);
  }, 60_000);

  it('is refused where it would begin at what the stream does not have, and the version before goes on', async () => {
    const deploy = (from: string) =>
      functions.deploy(pilot, 'ahead', '(event) => event.subject', [
        `on: [{ subject: "ahead.*", from: ${from} }]`,
        'output: "reached.{1}"',
      ]);
    await expect(deploy('999999999')).rejects.toThrow(
      /trigger "on0" begins at sequence 999999999, and the pilot's stream ends at \d+/,
    );
    await deploy('new');
    await expect(deploy('2999-01-01T00:00:00Z')).rejects.toThrow(/begins at 2999-01-01T00:00:00.000Z, which is/);
    await publish(['ahead.a']);
    expect(await untilResults(pilot, 'reached', 1)).toEqual(['ahead.a']);
  }, 60_000);

  it('replays at k times the recorded speed, in the order of recording', async () => {
    await publish(['tape.0']);
    const gapMs = 1_500;
    await new Promise((resolve) => setTimeout(resolve, gapMs));
    await publish(['tape.1']);
    await new Promise((resolve) => setTimeout(resolve, gapMs));
    await publish(['tape.2']);
    const handler =
      '(event) => JSON.stringify({ subject: event.subject, stored: event.time.getTime(), ran: Date.now() })';
    await functions.deploy(pilot, 'player', handler, [
      'on: [{ subject: "tape.*", replay: 0.5 }]',
      'output: "played.{1}"',
    ]);
    const played = (await untilResults(pilot, 'played', 3)).map(
      (text) => JSON.parse(text) as { subject: string; stored: number; ran: number },
    );
    const [first, second, third] = played;
    if (!first || !second || !third) throw new Error('three were played');
    expect(played.map(({ subject }) => subject)).toEqual(['tape.0', 'tape.1', 'tape.2']);
    // Half the speed: never earlier than twice the recorded distance from the first one's due time; its own start may be late.
    expect(third.ran - second.ran).toBeGreaterThan(third.stored - second.stored);
    const { replayFromMs, replayAtMs } = { replayFromMs: first.stored, replayAtMs: first.ran };
    expect(third.ran - replayAtMs).toBeGreaterThan((third.stored - replayFromMs) * 1.2);
  }, 60_000);

  it('feeds the next function through `output`', async () => {
    await functions.deploy(pilot, 'first', '(event) => event.text() + " first"', [
      'on: [{ subject: "chain.*" }]',
      'output: "middle.{1}"',
    ]);
    await functions.deploy(pilot, 'second', '(event) => event.text() + " second"', [
      'on: [{ subject: "middle.*" }]',
      'output: "last.{1}"',
    ]);
    await publish(['chain.x']);
    expect(await untilResults(pilot, 'last', 1)).toEqual(['chain.x first second']);
  }, 60_000);
});

describe('`trigger`', () => {
  it('pauses one trigger of a function, across a kill of its gateway, and loses nothing', async () => {
    await functions.deploy(pilot, 'held', '(event) => event.text()', [
      'on: [{ name: slow, subject: "held.*" }, { name: fast, subject: "unheld.*" }]',
      'output: "let.{1}"',
    ]);
    expect((await pilot.cli(['trigger', 'pause', 'held', 'slow'])).code).toBe(0);
    const before = pilot.pid('n1', 'gateway');
    process.kill(before, 'SIGKILL');
    await eventually(() => pilot.pid('n1', 'gateway') !== before, { timeoutMs: 20_000, what: 'another gateway' });
    await eventually(
      async () => (await pilot.client.triggers('held')).find(({ trigger }) => trigger?.name === 'slow')?.paused,
      {
        timeoutMs: 20_000,
        what: 'the next gateway knows of the pause',
      },
    );
    await publish(['held.1', 'held.2', 'unheld.3']);
    expect(await untilResults(pilot, 'let', 1)).toEqual(['unheld.3']);
    const listed = JSON.parse((await pilot.cli(['trigger', 'list', 'held', '-o', 'json'])).stdout) as {
      items: object[];
    };
    expect(listed.items).toMatchObject([
      { function: 'held', trigger: 'slow', state: 'paused', lag: 2, what: 'held.*' },
      { function: 'held', trigger: 'fast', state: 'running', lag: 0 },
    ]);
    expect(await pilot.cli(['trigger', 'resume', 'held', 'slow', '-o', 'json'])).toMatchObject({ code: 0 });
    expect(await untilResults(pilot, 'let', 3)).toEqual(['held.1', 'held.2', 'unheld.3']);
  }, 90_000);

  it('names what there is when asked for what there is not', async () => {
    await functions.deploy(pilot, 'named', '() => undefined', ['on: [{ subject: "named.*" }]']);
    expect(await pilot.cli(['trigger', 'pause', 'named', 'on1'])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('"on0"'),
    });
    expect(await pilot.cli(['trigger', 'list', 'nmaed'])).toMatchObject({ code: 4 });
    const again = await pilot.cli(['trigger', 'resume', 'named', 'on0']);
    expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining('so already') });
  }, 60_000);
});

describe('windows', () => {
  const handler = `async (event) => {
    const texts = [];
    for await (const part of event.parts) texts.push(Buffer.from(part.data).toString());
    const { key, window, reason } = event.parts;
    const span = window ? ' ' + (window.end.getTime() - window.start.getTime()) : '';
    return [key, texts.join(' '), reason].join(': ') + span;
  }`;

  it('by count slide, each key for itself, also over a kill of the agent that counts', async () => {
    await functions.deploy(pilot, 'mean', handler, [
      'on: [{ subject: "probe.*.value", window: { key: "{1}", count: 3, every: 2 } }]',
      'output: "mean.{1}"',
    ]);
    await using source = await pilot.events('source');
    const send = async (numbers: readonly number[]) => {
      for (const number of numbers)
        for (const key of ['x', 'y']) await source.publish(`probe.${key}.value`, `${key}${number}`);
      await source.flush();
    };
    await send([1, 2, 3, 4]);
    await untilResults(pilot, 'mean', 2);
    process.kill(pilot.pid('n1', 'agent'), 'SIGKILL');
    await send([5, 6, 7]);
    expect(await untilResults(pilot, 'mean', 6)).toEqual([
      'x: x1 x2 x3: complete',
      'x: x3 x4 x5: complete',
      'x: x5 x6 x7: complete',
      'y: y1 y2 y3: complete',
      'y: y3 y4 y5: complete',
      'y: y5 y6 y7: complete',
    ]);
    await untilIdle(pilot, 'mean');
  }, 90_000);

  it("by the events' own time take them in any order; late ones are dead letters", async () => {
    await functions.deploy(pilot, 'spans', handler, [
      'on: [{ subject: "clocked.*", window: { time: 10s, clock: X-Time, lateness: 5s } }]',
      'output: span.all',
    ]);
    await using source = await pilot.events('source');
    const start = Math.floor(Date.now() / 10_000) * 10_000 - 100_000;
    for (const second of [3, 12, 1, 9, 14, 15, 2, 30]) {
      const time = new Date(start + second * 1_000).toISOString();
      await source.publish('clocked.a', `s${second}`, { headers: { 'X-Time': time } });
    }
    await source.flush();
    expect(await untilResults(pilot, 'span', 2)).toEqual([
      'all: s12 s14 s15: complete 10000',
      'all: s3 s1 s9: complete 10000',
    ]);
    await eventually(async () => (await Array.fromAsync(pilot.client.deadLetters('spans'))).length === 1, {
      timeoutMs: 20_000,
      what: 'the late event is told',
    });
    const [letter] = await Array.fromAsync(pilot.client.deadLetters('spans'));
    expect(letter).toMatchObject({ reason: 'late event', subject: 'clocked.a', eventBytes: 2, redrivable: false });
    const { stdout } = await pilot.cli(['dlq', 'peek', 'spans', String(letter?.sequence)]);
    expect(stdout).toContain(`header\tX-Time: ${new Date(start + 2_000).toISOString()}`);
    expect(stdout).toMatch(/2 B, not in the letter; .*pilotfish tail clocked\.a --from \d+ --count 1/);
  }, 60_000);
});
