/** Functions triggered by HTTP, by files and by the clock, through a whole pilot; CloudEvents in and out. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HTTP } from 'cloudevents';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { FunctionFolder } from '../harness/functions.ts';
import { post } from '../harness/https.ts';
import { TestPilot } from '../harness/pilot.ts';
import { untilResults } from '../harness/results.ts';

const functions = new FunctionFolder();
const directory = mkdtempSync(join(tmpdir(), 'pilotfish-arrivals-'));
let pilot: TestPilot;

beforeAll(async () => {
  pilot = await TestPilot.start({ coresPerNode: 8 });
}, 60_000);

afterAll(async () => {
  functions[Symbol.dispose]();
  rmSync(directory, { recursive: true, force: true });
  await pilot?.[Symbol.asyncDispose]();
}, 60_000);

async function urlOf(name: string): Promise<string> {
  const [trigger] = await pilot.client.triggers(name);
  return trigger?.url ?? '';
}

describe('an HTTP trigger', () => {
  it('answers 202 once the event is stored; the same key again is the same event', async () => {
    await functions.deploy(
      pilot,
      'ended',
      '(event) => event.subject + " " + event.text() + " " + event.headers["x-who"]',
      ['on: [{ http: { path: "/scans/*/end", bodyMax: 64KiB } }]', 'output: "scanned.{1}"'],
    );
    const url = (await urlOf('ended')).replace('*', 's7');
    expect(url).toMatch(/^https:\/\/127\.\d+\.\d+\.\d+:\d+\/scans\/s7\/end$/);
    const send = () => post(pilot.connection, url, 'frames', { headers: { 'Idempotency-Key': 'k1', 'X-Who': 'me' } });
    const [first, second] = [await send(), await send()];
    expect(first).toMatchObject({ status: 202 });
    expect(JSON.parse(first.text)).toEqual({ id: 'http.ended.on0.k1', subject: 'pilotfish.http.ended.on0.s7' });
    expect(second.text).toBe(first.text);
    await post(pilot.connection, url, 'more', { headers: { 'X-Who': 'you' } });
    expect(await untilResults(pilot, 'scanned', 2)).toEqual([
      'pilotfish.http.ended.on0.s7 frames me',
      'pilotfish.http.ended.on0.s7 more you',
    ]);
  }, 60_000);

  it('answers with the result, and with what the function says went wrong', async () => {
    const handler = `(event) => { if (event.text() === 'bad') throw new Reject('not today'); return event.text().toUpperCase(); }`;
    await functions.deploy(pilot, 'asked', handler, [
      'on: [{ http: { path: /ask, answer: result } }]',
      'cloudEvents: { type: org.example.answer, contentType: text/plain }',
    ]);
    const url = await urlOf('asked');
    expect(await post(pilot.connection, url, 'loud')).toMatchObject({
      status: 200,
      text: 'LOUD',
      headers: { 'content-type': 'text/plain' },
    });
    const rejected = await post(pilot.connection, url, 'bad');
    expect(rejected.status).toBe(422);
    expect(JSON.parse(rejected.text)).toMatchObject({ error: { code: 'function-rejected', message: 'not today' } });
    await pilot.client.pauseTrigger('asked', 'on0', true);
    expect(await post(pilot.connection, url, 'loud')).toMatchObject({
      status: 503,
      text: expect.stringContaining('paused'),
    });
  }, 60_000);

  it('refuses what it cannot take, each with its status', async () => {
    const url = (await urlOf('ended')).replace('*', 's8');
    expect(await post(pilot.connection, url, Buffer.alloc(70_000))).toMatchObject({
      status: 413,
      text: expect.stringContaining('65536'),
    });
    expect(await post(pilot.connection, `${url}/more`, '')).toMatchObject({ status: 404 });
    expect(await post(pilot.connection, url.replace('s8', 'a.b'), '')).toMatchObject({ status: 404 });
    expect(await post(pilot.connection, url, '', { method: 'PUT' })).toMatchObject({
      status: 405,
      headers: { allow: 'POST' },
    });
    const structured = { 'Content-Type': 'application/cloudevents+json' };
    expect(await post(pilot.connection, url, '{}', { headers: structured })).toMatchObject({ status: 400 });
    const incomplete = { 'ce-specversion': '1.0', 'ce-id': '1' };
    expect(await post(pilot.connection, url, '{}', { headers: incomplete })).toMatchObject({
      status: 400,
      text: expect.stringContaining('ce-source is missing'),
    });
    await expect(post(pilot.connection, url, 'x', { tls: {} })).rejects.toThrow();
    await expect(
      functions.deploy(pilot, 'twin', '() => 1', ['on: [{ http: { path: "/scans/a/*" } }]']),
    ).rejects.toThrow('ended listens on /scans/*/end');
  }, 60_000);

  it('keeps its address over a kill of the gateway', async () => {
    const url = await urlOf('ended');
    const before = pilot.pid('n1', 'gateway');
    process.kill(before, 'SIGKILL');
    await eventually(async () => pilot.pid('n1', 'gateway') !== before && (await urlOf('ended')) === url, {
      timeoutMs: 30_000,
      what: 'the same URL at another gateway',
    });
    expect(await post(pilot.connection, url.replace('*', 's9'), 'again')).toMatchObject({ status: 202 });
    expect(await untilResults(pilot, 'scanned', 3)).toHaveLength(3);
  }, 60_000);
});

describe('CloudEvents', () => {
  it('go in through HTTP and NATS, and out as the official library reads them; one that is none is a dead letter', async () => {
    const handler =
      '(event) => event.cloudEvent ? [event.cloudEvent.type, event.cloudEvent.subject, event.text()].join(" ") : "none"';
    await functions.deploy(pilot, 'cloudy', handler, [
      'on: [{ http: { path: /events } }, { subject: "clouds.*", filter: { headers: { ce-type: org.example.scan } } }]',
      'output: rain.all',
      'cloudEvents: { type: org.example.rain, source: /beamline/2 }',
    ]);
    const headers = {
      'ce-specversion': '1.0',
      'ce-id': '1',
      'ce-source': '/a',
      'ce-type': 'org.example.scan',
      'ce-subject': 'scan%207',
    };
    await post(pilot.connection, await urlOf('cloudy'), '{}', {
      headers: { ...headers, 'Content-Type': 'application/json' },
    });
    await using source = await pilot.events('source');
    await source.publish('clouds.1', 'direct', { headers });
    await source.publish('clouds.2', 'other', { headers: { ...headers, 'ce-type': 'org.example.other' } });
    await source.publish('clouds.3', 'broken', { headers: { ...headers, 'ce-source': '' } });
    await source.flush();
    expect(await untilResults(pilot, 'rain', 2)).toEqual([
      'org.example.scan scan 7 direct',
      'org.example.scan scan 7 {}',
    ]);
    await eventually(async () => (await Array.fromAsync(pilot.client.deadLetters('cloudy'))).length === 1, {
      timeoutMs: 20_000,
      what: 'a dead letter',
    });
    const [letter] = await Array.fromAsync(pilot.client.deadLetters('cloudy'));
    expect(letter?.reason).toContain('ce-source is missing');
    await using viewer = await pilot.events('viewer');
    for await (const event of await viewer.read('rain.all', { from: 'all' })) {
      const official = HTTP.toEvent({ headers: { ...event.headers }, body: Buffer.from(event.data).toString() });
      expect(official).toMatchObject({ type: 'org.example.rain', source: '/beamline/2', id: event.id });
      break;
    }
  }, 60_000);
});

describe('a files trigger', () => {
  it('gives its function the file by reference, readable and nothing beside it', async () => {
    const handler = `async (event) => {
      const text = Buffer.from(await event.file.read()).toString();
      const part = Buffer.from(await event.file.read(1, 3)).toString();
      return [event.file.name, event.file.bytes, text, part].join(' ');
    }`;
    await functions.deploy(pilot, 'arrive', handler, [
      `on: [{ files: { directory: ${directory}, match: "*.txt", ready: settled, poll: 200ms, existing: true } }]`,
      'output: "arrived.{1}"',
    ]);
    writeFileSync(join(directory, 'scan 7.txt'), 'hello');
    writeFileSync(join(directory, 'other.dat'), 'no');
    expect(await untilResults(pilot, 'arrived', 1)).toEqual(['scan 7.txt 5 hello ell']);
  }, 60_000);
});

describe('a cron trigger', () => {
  it('fires, over a kill of the agent, once for each second', async () => {
    await functions.deploy(pilot, 'tick', '(event) => event.json().scheduled', [
      'on: [{ cron: { schedule: "* * * * * *", missed: all } }]',
      'output: ticked.all',
    ]);
    const early = await untilResults(pilot, 'ticked', 2);
    process.kill(pilot.pid('n1', 'agent'), 'SIGKILL');
    const all = (await untilResults(pilot, 'ticked', early.length + 8)).map((text) => Date.parse(text));
    expect(all).toEqual(all.map((_, at) => (all[0] ?? 0) + at * 1_000));
  }, 60_000);
});
