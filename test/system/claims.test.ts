/** Claim-check through a whole pilot: large payloads lie in files or pieces, and functions read them as any other. */
import { mkdirSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { connectNats, encodeHeaders } from '#broker';
import { connectEvents, type EventClient, type StoredEvent } from '#client';
import { eventually } from '../harness/eventually.ts';
import { deployFolder, FunctionFolder } from '../harness/functions.ts';
import { TestPilot } from '../harness/pilot.ts';
import { seededRandom } from '../harness/scan-source.ts';

const frameBytes = 2 * 2 ** 20;
const functions = new FunctionFolder();
afterAll(() => functions[Symbol.dispose]());

/** Different bytes for each number, and none that a compressor or a zeroed page would give. */
function frame(number: number, bytes = frameBytes): Buffer {
  const random = seededRandom(number + 1);
  return Buffer.from(Uint32Array.from({ length: bytes / 4 }, () => random() * 2 ** 32).buffer);
}

/** Says what it was given, and where it ran. */
const describeFrame = `async (event, ctx) => {
  const data = await event.open();
  let sum = 0;
  for (let at = 0; at < data.length; at += 64) sum = (sum + data[at] * (at + 1)) % 1000000007;
  return JSON.stringify({ bytes: data.length, sum, claimed: event.claim?.bytes ?? 0, dtype: event.dtype,
    shape: event.shape, same: data === event.data, node: ctx.function.node });
}`;

function sumOf(data: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < data.length; at += 64) sum = (sum + (data[at] ?? 0) * (at + 1)) % 1_000_000_007;
  return sum;
}

async function take(events: AsyncIterable<StoredEvent>, count: number): Promise<StoredEvent[]> {
  const taken: StoredEvent[] = [];
  for await (const event of events) if (taken.push(event) === count) break;
  return taken;
}

const json = (event: StoredEvent) => JSON.parse(Buffer.from(event.data).toString('utf8')) as Record<string, unknown>;

/** Publishes a frame to `subject` and gives the first event under `answer`. */
async function throughPilot(pilot: TestPilot, source: EventClient, subject: string, data: Uint8Array) {
  await using viewer = await pilot.events('viewer');
  const answers = await viewer.read(subject.replace(/^[^.]+/, 'seen'));
  await source.publish(subject, data, { dtype: 'u16', shape: [1024, 1024] });
  await source.flush();
  const [answer] = await take(answers, 1);
  if (!answer) throw new Error('no answer');
  return answer;
}

describe('a pilot with a shared folder', () => {
  const starting = TestPilot.start({ nodes: 1, coresPerNode: 2 });
  const folder = async () => join((await starting).directory, 'claims', 'shared');
  const files = async () => readdirSync(await folder()).filter((name) => !name.startsWith('.'));
  afterAll(async () => (await starting)[Symbol.asyncDispose]());

  it('gives a function the payload with its size, dtype and shape, small ones inside their event', async () => {
    const pilot = await starting;
    await functions.deploy(pilot, 'look', describeFrame, ['on: [{ subject: "frames.*" }]', 'output: "seen.{1}"']);
    await using source = await pilot.events('source');
    const data = frame(1);
    expect(json(await throughPilot(pilot, source, 'frames.a', data))).toMatchObject({
      bytes: frameBytes,
      claimed: frameBytes,
      sum: sumOf(data),
      dtype: 'u16',
      shape: [1024, 1024],
      same: true,
    });
    expect(await files()).toHaveLength(1);
    const small = frame(2, 4_096);
    expect(json(await throughPilot(pilot, source, 'frames.b', small))).toMatchObject({ claimed: 0, sum: sumOf(small) });
    expect(await files()).toHaveLength(1);
  });

  it('takes a payload over the broker limit, from the command line, and gives a result as large', async () => {
    const pilot = await starting;
    const handler = '(event) => event.data.map((value) => value ^ 255)';
    const settings = ['on: [{ subject: "invert.*" }]', 'output: "inverted.{1}"', 'resources: { memory: 512MiB }'];
    await functions.deploy(pilot, 'invert', handler, settings);
    await using viewer = await pilot.events('viewer');
    const answers = await viewer.read('inverted.*');
    const data = frame(3, 18 * 2 ** 20);
    const path = join(functions.path, 'frame.bin');
    writeFileSync(path, data);
    expect(await pilot.cli(['pub', 'invert.big', '-f', path])).toMatchObject({ code: 0 });
    const [answer] = await take(answers, 1);
    expect(answer?.data).toHaveLength(0);
    expect(answer?.headers['Pilotfish-Claim']).toMatch(/^shared [0-9a-f]{24} 18874368 crc32:[0-9a-f]{8}$/);
    expect(answer?.headers['Pilotfish-Shape']).toBeUndefined();
    const inverted = await viewer.payload(answer as StoredEvent);
    expect(sumOf(inverted.map((value) => value ^ 255))).toBe(sumOf(data));
  });

  it('gives frames inside their events back as they came, the same memory after each other, also where a try has failed', async () => {
    const pilot = await starting;
    const handler = `async (event, ctx) => {
      await new Promise((resolve) => setTimeout(resolve, event.data[0] % 20));
      if (event.data[1] % 4 === 0 && ctx.attempt === 1) throw new Error('not at first');
      return event.data;
    }`;
    const settings = [
      'on: [{ subject: "plain.*" }]',
      'output: "same.{1}"',
      'concurrency: 3',
      'resources: { memory: 512MiB }',
    ];
    await functions.deploy(pilot, 'same', handler, [...settings, 'retry: { attempts: 3, min: 10ms, max: 50ms }']);
    await using source = await connectEvents(pilot.connection, 'source', { claimOverBytes: 15 * 2 ** 20 });
    await using viewer = await pilot.events('viewer');
    const answers = await viewer.read('same.*');
    // Sizes differ a little, so that some of the memory is longer than what lies in it.
    const frames = Array.from({ length: 24 }, (_, number) => frame(100 + number, frameBytes - 4 * number));
    for (const [number, data] of frames.entries()) await source.publish(`plain.${number}`, data);
    await source.flush();
    for (const { subject, data } of await take(answers, frames.length))
      expect([subject, frames[Number(subject.split('.')[1])]?.equals(data)]).toEqual([subject, true]);
  });

  it('goes through a Python function: what it reads was claimed, what it returns and publishes is', async () => {
    const pilot = await starting;
    const python = `import json
import pilotfish

def handle(event, ctx):
    data = event.open()
    seen = {"bytes": len(data), "claimed": event.claim["bytes"] if event.claim else 0, "dtype": event.dtype, "shape": event.shape}
    inverted = data.translate(bytes(255 - value for value in range(256)))
    headers = {"Pilotfish-Dtype": "u16", "Pilotfish-Shape": "512,2048", "X-Seen": json.dumps(seen)}
    ctx.publish(event.subject.replace("py.", "inverted-py.published-"), inverted, headers)
    return pilotfish.Output(inverted, headers=headers)

pilotfish.run(handle)
`;
    const project = join(functions.path, 'python');
    mkdirSync(project, { recursive: true });
    writeFileSync(join(project, 'invert.py'), python);
    const manifest = {
      command: ['python3', 'invert.py'],
      on: [{ subject: 'py.*' }],
      output: 'inverted-py.{1}',
      claimOver: '1MiB',
    };
    writeFileSync(join(project, 'pilotfish.yaml'), JSON.stringify({ functions: { 'py-invert': manifest } }));
    await deployFolder(pilot, project);
    const settings = ['on: [{ subject: "inverted-py.*" }]', 'output: "seen-py.{1}"'];
    await functions.deploy(pilot, 'look-py', describeFrame, settings);
    await using source = await pilot.events('source');
    const data = frame(7);
    await source.publish('py.large', data, { dtype: 'u16', shape: [1024, 1024] });
    // A shape that says nothing is no reason to fail for a handler that need not know it.
    await source.publish('py.small', 'abc', { headers: { 'Pilotfish-Shape': 'auto,3' } });
    await source.flush();

    await using viewer = await pilot.events('viewer');
    const signal = AbortSignal.timeout(60_000);
    const byName = (events: StoredEvent[]) => new Map(events.map((event) => [event.subject.split('.')[1], event]));
    const outputs = byName(await take(await viewer.read('inverted-py.*', { from: 'all', signal }), 4));
    const answers = byName(await take(await viewer.read('seen-py.*', { from: 'all', signal }), 4));
    const inverted = data.map((value) => value ^ 255);
    for (const how of ['', 'published-']) {
      const large = outputs.get(`${how}large`) as StoredEvent;
      expect(JSON.parse(large.headers['X-Seen'] ?? '')).toEqual({
        bytes: frameBytes,
        claimed: frameBytes,
        dtype: 'u16',
        shape: [1024, 1024],
      });
      expect(large.headers['Pilotfish-Claim']).toMatch(/^shared [0-9a-f]{24} 2097152 crc32:/);
      expect(Buffer.compare(await viewer.payload(large), inverted)).toBe(0);
      expect(json(answers.get(`${how}large`) as StoredEvent)).toMatchObject({
        bytes: frameBytes,
        claimed: frameBytes,
        sum: sumOf(inverted),
        dtype: 'u16',
        shape: [512, 2048],
      });
      const small = outputs.get(`${how}small`) as StoredEvent;
      expect(JSON.parse(small.headers['X-Seen'] ?? '')).toMatchObject({ bytes: 3, claimed: 0, shape: [] });
    }
  }, 90_000);

  it.each([
    ['gone', (path: string) => rmSync(path), 'is gone'],
    ['cut off', (path: string) => truncateSync(path, 1_000), 'has 1000 bytes of 2097152'],
    ['changed', (path: string) => writeFileSync(path, Buffer.alloc(frameBytes, 7)), 'is corrupt'],
  ])('makes a dead letter of an event whose payload is %s, and says so', async (name, damage, reason) => {
    const pilot = await starting;
    const functionName = `lost-${name.replaceAll(' ', '-')}`;
    const before = new Set(await files());
    await using source = await pilot.events('source');
    await source.publish(`${functionName}.a`, frame(4));
    await source.flush();
    for (const file of await files()) if (!before.has(file)) damage(join(await folder(), file));
    await functions.deploy(pilot, functionName, describeFrame, [`on: [{ subject: "${functionName}.*" }]`]);
    const letters = await eventually(
      async () => {
        const found = await Array.fromAsync(pilot.client.deadLetters(functionName));
        return found.length > 0 && found;
      },
      { timeoutMs: 50_000, what: 'a dead letter' },
    );
    const told = { reason: expect.stringContaining(reason), subject: `${functionName}.a`, eventBytes: 2 * 2 ** 20 };
    expect(letters).toMatchObject([told]);
    const [letter] = await Array.fromAsync(pilot.client.deadLetters(functionName));
    const { stdout } = await pilot.cli(['dlq', 'peek', functionName, String(letter?.sequence)]);
    expect(stdout).toMatch(/^payload\t2\.0 MiB, in a file of shared, [0-9a-f]{24}$/m);
  });

  it('refuses a reference that points elsewhere', async () => {
    const pilot = await starting;
    await functions.deploy(pilot, 'follow', describeFrame, ['on: [{ subject: "follow.*" }]']);
    await using source = await pilot.events('source');
    const claim = { 'Pilotfish-Claim': 'shared ../../keys/gateway.seed 58 crc32:00000000' };
    await expect(source.publish('follow.a', '', { headers: claim })).rejects.toMatchObject({ code: 'invalid' });
    // Whoever holds the source's key can write what our client refuses.
    const { brokers, seeds } = pilot.connection;
    const nats = await connectNats({ servers: brokers, seed: seeds.source, role: 'source', member: 'forger' });
    nats.publish('ev.follow.b', '', { headers: encodeHeaders(Object.entries(claim)) });
    await nats.flush();
    await nats.close();
    const letters = await eventually(
      async () => {
        const found = await Array.fromAsync(pilot.client.deadLetters('follow'));
        return found.length > 0 && found;
      },
      { timeoutMs: 50_000, what: 'a dead letter' },
    );
    expect(letters).toMatchObject([{ reason: expect.stringContaining('malformed'), subject: 'follow.b' }]);
  });

  it('gives a gather the payloads of its parts', async () => {
    const pilot = await starting;
    const handler = `async (event) => {
      const found = [];
      for await (const part of event.parts) found.push([part.index, part.data.length, part.data[5]].join(':'));
      return found.join(' ');
    }`;
    await functions.deploy(pilot, 'collect', handler, [
      'on: [{ subject: "tiles.*.part", gather: { key: "{1}", count: 3, gap: 20s, timeout: 60s } }]',
      'output: "collected.{1}"',
    ]);
    await functions.deploy(pilot, 'collect-open', handler, [
      'on: [{ subject: "tiles.*.part", gather: { key: "{1}", count: 3, gap: 20s, timeout: 60s, streaming: true } }]',
      'output: "collected.open.{1}"',
    ]);
    await using viewer = await pilot.events('viewer');
    const answers = await viewer.read('collected.>');
    await using source = await pilot.events('source');
    const parts = [frame(10), frame(11, 64), frame(12)];
    for (const [index, data] of parts.entries())
      await source.publish('tiles.s1.part', data, { headers: { 'Pilotfish-Part': `part:${index}` } });
    await source.flush();
    const found = await take(answers, 2);
    const expected = parts.map((data, index) => [index, data.length, data[5]].join(':')).join(' ');
    expect(found.map(({ subject }) => subject).sort()).toEqual(['collected.open.s1', 'collected.s1']);
    for (const { data } of found) expect(Buffer.from(data).toString()).toBe(expected);
  });

  it('goes with its event through a line: in order per key, also where a try has failed', async () => {
    const pilot = await starting;
    const handler = `async (event, ctx) => {
      const data = await event.open();
      if (ctx.attempt === 1 && data[0] % 2 === 0) throw new Error('not at first');
      return [event.headers.number, event.claim?.bytes ?? 0, data[5]].join(':');
    }`;
    await functions.deploy(pilot, 'line', handler, [
      'on: [{ subject: "line.*" }]',
      'output: "lined.{1}"',
      'order: { key: "{1}" }',
      'retry: { attempts: 3, min: 20ms, max: 100ms }',
    ]);
    await using viewer = await pilot.events('viewer');
    const answers = await viewer.read('lined.*', { from: 'all' });
    await using source = await pilot.events('source');
    const frames = Array.from({ length: 10 }, (_, number) => frame(40 + number));
    for (const [number, data] of frames.entries())
      await source.publish(`line.k${number % 2}`, data, { headers: { number: String(number) } });
    await source.flush();
    const found = await take(answers, frames.length);
    for (const key of [0, 1]) {
      const texts = found.flatMap(({ subject, data }) =>
        subject === `lined.k${key}` ? [Buffer.from(data).toString()] : [],
      );
      const expected = frames.flatMap((data, number) =>
        number % 2 === key ? [`${number}:${frameBytes}:${data[5]}`] : [],
      );
      expect(texts).toEqual(expected);
    }
  });
});

describe('a pilot whose nodes have folders of their own', () => {
  it('reads a payload of another node through the agent that owns it', async () => {
    await using pilot = await TestPilot.start({ nodes: 2, coresPerNode: 1, claims: 'node' });
    // One instance a node, each busy for a while: both get some of the frames.
    const handler = `async (event, ctx) => {
      const answer = await (${describeFrame})(event, ctx);
      await new Promise((resolve) => setTimeout(resolve, 200));
      return answer;
    }`;
    const settings = ['on: [{ subject: "frames.*" }]', 'output: "seen.{1}"', 'scale: { min: 2, max: 2 }'];
    await functions.deploy(pilot, 'look2', handler, settings);
    await eventually(
      async () => new Set((await pilot.client.get('look2')).instances.map(({ node }) => node)).size === 2,
      { timeoutMs: 20_000, what: 'an instance on each node' },
    );
    await using source = await pilot.events('source');
    await using viewer = await pilot.events('viewer');
    const answers = await viewer.read('seen.*');
    const frames = Array.from({ length: 8 }, (_, number) => frame(20 + number));
    for (const [number, data] of frames.entries()) await source.publish(`frames.${number}`, data);
    await source.flush();
    const seen = await take(answers, frames.length);
    for (const answer of seen) {
      const number = Number(answer.subject.split('.')[1]);
      expect(json(answer)).toMatchObject({ claimed: frameBytes, sum: sumOf(frames[number] as Buffer) });
    }
    expect(new Set(seen.map((answer) => json(answer)['node']))).toEqual(new Set(['n1', 'n2']));
    // A result that is claimed is moved to the node's folder as its instance has left it.
    await pilot.client.remove('look2');
    const claiming = ['on: [{ subject: "echo.*" }]', 'output: "echoed.{1}"', 'claimOver: 1MiB'];
    await functions.deploy(pilot, 'echo2', '(event) => event.open()', claiming);
    const echoes = await viewer.read('echoed.*');
    for (const [number, data] of frames.entries()) await source.publish(`echo.${number}`, data);
    await source.flush();
    for (const echo of await take(echoes, frames.length)) {
      expect(echo.headers['Pilotfish-Claim']).toMatch(/^n[12] [0-9a-f]{24} 2097152 crc32:[0-9a-f]{8}$/);
      const data = await viewer.payload(echo);
      expect(frames[Number(echo.subject.split('.')[1])]?.equals(data)).toBe(true);
    }
  }, 90_000);
});

describe('a pilot without folders', () => {
  it('keeps payloads in pieces in the stream, over the broker limit too', async () => {
    await using pilot = await TestPilot.start({ nodes: 1, coresPerNode: 1, claims: 'stream' });
    await functions.deploy(pilot, 'look3', describeFrame, ['on: [{ subject: "frames.*" }]', 'output: "seen.{1}"']);
    await using source = await pilot.events('source');
    const data = frame(30, 20 * 2 ** 20);
    expect(json(await throughPilot(pilot, source, 'frames.a', data))).toMatchObject({
      claimed: data.length,
      sum: sumOf(data),
    });
  }, 90_000);
});
