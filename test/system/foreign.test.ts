/** Foreign programs as functions: Python with its helper, both transports, and programs that misbehave. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { metricsOf } from '../harness/metrics.ts';
import { processesOf, TestPilot } from '../harness/pilot.ts';
import { resultsOf } from '../harness/results.ts';
import { untilIdle } from '../harness/until-idle.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
let pilot: TestPilot;
let folder = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pilotfish-foreign-'));
  pilot = await TestPilot.start({ coresPerNode: 10 });
}, 60_000);

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await pilot?.[Symbol.asyncDispose]();
}, 60_000);

async function deploy(name: string, source: string, settings: readonly string[] = []): Promise<void> {
  const here = mkdtempSync(join(folder, 'f-'));
  writeFileSync(join(here, `${name}.py`), source);
  const command = settings.some((line) => line.startsWith('command')) ? [] : [`command: [python3, ${name}.py]`];
  const lines = ['functions:', `  ${name}:`, ...[...command, ...settings].map((line) => `    ${line}`), ''];
  writeFileSync(join(here, 'pilotfish.yaml'), lines.join('\n'));
  expect(await pilot.cli(['deploy', here])).toMatchObject({ code: 0 });
}

const all = `import json, os, sys
import pilotfish

def handle(event, ctx):
    word = event.text()
    print("saw " + word)
    if word == "raise":
        raise ValueError("no such luck")
    if word == "reject":
        raise pilotfish.Reject("not this")
    if word == "again" and ctx.attempt == 1:
        raise pilotfish.Retry(after=0.05)
    if word == "unsure" and ctx.attempt == 1:
        raise pilotfish.Retry(after=float("nan"))
    if word == "count":
        for _ in range(3):
            ctx.state.update("n", lambda entry: str(int(entry.text() if entry else "0") + 1))
        return ctx.state.get("n").text()
    if word == "pieces":
        return ("piece %d\\n" % n for n in range(3))
    if word == "publish":
        ctx.publish("told.once", "hello", headers={"Colour": "red"})
        return [pilotfish.Output("a", subject="told.a"), pilotfish.Output("b", subject="told.b")]
    if word == "exit":
        sys.stderr.write("out of luck\\n")
        os._exit(3)
    ctx.metrics.counter("words", help="Words that were seen.").add(2, word=word)
    ctx.metrics.gauge("depth", help="Words in hand.").set(4)
    ctx.metrics.histogram("read_seconds", help="How long reading took.", buckets=[1, 2]).observe(1)
    ctx.metrics.gauge("Wrong").set(1)
    ctx.log.warn("handled", word=word)
    return {"word": word, "config": ctx.config, "name": ctx.function["name"], "cwd": os.getcwd() == os.environ["HOME"]}

pilotfish.run(handle)
`;

describe.each(['fd3', 'stdio'])('a Python function over %s', (transport) => {
  const name = `py-${transport}`;

  it('is called, logs, keeps state, publishes, yields', async () => {
    await deploy(
      name,
      all,
      [
        `transport: ${transport}`,
        'config: { colour: red }',
        `on: [{ subject: "${name}.*" }]`,
        'retry: { attempts: 2, min: 20ms, max: 50ms }',
      ].concat([`command: [python3, ${name}.py]`]),
    );
    const invoke = (word: string, ...more: string[]) => pilot.cli(['invoke', name, '-d', word, ...more]);
    expect(JSON.parse((await invoke('hello')).stdout)).toEqual({
      word: 'hello',
      config: { colour: 'red' },
      name,
      cwd: true,
    });
    expect((await invoke('count')).stdout).toBe('3');
    expect((await invoke('pieces', '--stream')).stdout).toBe('piece 0\npiece 1\npiece 2\n');
    expect(await invoke('publish')).toMatchObject({ code: 0 });
    expect((await resultsOf(pilot, 'told')).sort()).toContain('hello');
    const logs = (await pilot.cli(['logs', name])).stdout;
    expect(logs).toContain('saw hello');
    expect(logs).toContain('WARN');
    expect(logs).toContain('handled {"word": "hello"}');
  }, 60_000);

  it('measures: the gateway has it, and the log has what was refused', async () => {
    const lines = [
      `pilotfish_user_words_total{function="${name}",word="hello"} 2`,
      `pilotfish_user_depth{function="${name}",node="n1"} 4`,
      `pilotfish_user_read_seconds_bucket{function="${name}",le="1"} 1`,
    ];
    const measured = async () => {
      const text = await metricsOf(pilot);
      return lines.every((line) => text.includes(`${line}\n`));
    };
    await eventually(measured, { timeoutMs: 30_000, what: 'what the function measured is there' });
    const refused = async () => (await pilot.cli(['logs', name])).stdout.includes('the metric Wrong is refused');
    await eventually(refused, { timeoutMs: 30_000, what: 'the refusal is in the log' });
  }, 90_000);

  it('raises with its traceback, rejects, and asks for another try', async () => {
    const raised = await pilot.cli(['invoke', name, '-d', 'raise']);
    expect(raised).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(new RegExp(`no such luck[\\s\\S]*File "${name}\\.py", line 8, in handle`)),
    });
    expect(raised.stderr).not.toContain('/pilotfish.py');
    await using source = await pilot.events('source');
    for (const word of ['reject', 'again', 'unsure']) await source.publish(`${name}.${word}`, word);
    await source.flush();
    // The gateway's lag may be that of a moment before the events came.
    await eventually(async () => (await Array.fromAsync(pilot.client.deadLetters(name))).length > 0, {
      timeoutMs: 30_000,
      what: 'the dead letter of the rejected event',
    });
    await untilIdle(pilot, name);
    expect(await Array.fromAsync(pilot.client.deadLetters(name))).toMatchObject([{ reason: 'rejected: not this' }]);
  }, 90_000);

  it('that leaves in the middle of a call fails that call with its last words, and the next one works', async () => {
    expect(await pilot.cli(['invoke', name, '-d', 'exit'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/code 3; it last wrote: .*out of luck/),
    });
    expect(await pilot.cli(['invoke', name, '-d', 'hello'])).toMatchObject({ code: 0 });
  }, 60_000);
});

describe('a program', () => {
  it.each([
    ['that is not there', 'command: [no-such-program-here]', /no-such-program-here/],
    ['that ends at once', 'command: [python3, -c, "raise SystemExit(\'bad day\')"]', /bad day/],
    [
      'that writes what is no frame',
      'command: [python3, -c, "import os; os.write(3, b\'hello world, no frame\')"]',
      /frame/,
    ],
  ])(
    '%s is a clear error of the call',
    async (_what, command, message) => {
      const name = `odd${Math.random().toString(36).slice(2, 8)}`;
      await deploy(name, '', [command]);
      const called = await pilot.cli(['invoke', name, '-d', 'x']);
      expect(called.code).toBeGreaterThan(0);
      expect(called.stderr).toMatch(message);
      expect(await pilot.cli(['rm', name])).toMatchObject({ code: 0 });
    },
    60_000,
  );

  it('with a batch handler answers each event', async () => {
    await deploy(
      'pybatch',
      `import pilotfish
def handle_batch(events, ctx):
    return [ValueError("odd") if event.text() == "odd" else event.text().upper() for event in events]
pilotfish.run(handle_batch=handle_batch)
`,
      [
        'batch: { size: 4, wait: 50ms }',
        'retry: { attempts: 1 }',
        'on: [{ subject: "pyb.*" }]',
        'output: "pybatched.{1}"',
      ],
    );
    await using source = await pilot.events('source');
    for (const word of ['a', 'odd', 'b']) await source.publish(`pyb.${word}`, word);
    await source.flush();
    await eventually(async () => (await pilot.client.get('pybatch')).summary?.handled === 2, {
      timeoutMs: 15_000,
      what: 'two results',
    });
    await eventually(async () => (await Array.fromAsync(pilot.client.deadLetters('pybatch'))).length === 1, {
      timeoutMs: 15_000,
      what: 'one letter',
    });
    expect((await resultsOf(pilot, 'pybatched')).sort()).toEqual(['A', 'B']);
  }, 60_000);

  it('that has started others takes them with it when it ends', async () => {
    const mark = `pilotfish-fork-${process.pid}`;
    await deploy(
      'forks',
      `import os, time
import pilotfish
def handle(event, ctx):
    for number in range(20):
        if os.fork() == 0:
            # Daemons have left the group; one of them has its parent's directory, the others its environment.
            if number < 3:
                os.setsid()
                if os.fork() != 0:
                    os._exit(0)
            if number < 2:
                os.chdir("/")
            if number == 2:
                os.execve("/bin/sleep", ["${mark}", "300"], {})
            os.execvp("sleep", ["${mark}", "300"])
    if event.text() == "exit":
        os._exit(1)
    return "forked"
pilotfish.run(handle)
`,
    );
    const children = () => processesOf(mark);
    expect(await pilot.cli(['invoke', 'forks', '-d', 'exit'])).toMatchObject({ code: 1 });
    await eventually(() => children().length === 0, { timeoutMs: 5_000, what: 'no child of the lost instance' });
    expect((await pilot.cli(['invoke', 'forks', '-d', 'x'])).stdout).toBe('forked');
    await eventually(() => children().length === 20, { timeoutMs: 5_000, what: 'its children' });
    expect(await pilot.cli(['rm', 'forks'])).toMatchObject({ code: 0 });
    await eventually(() => children().length === 0, { timeoutMs: 15_000, what: 'no child of the removed function' });
  }, 60_000);

  it('that forks without end is ended with all that it has started, and says so', async () => {
    const mark = `pilotfish-bomb-${process.pid}`;
    // A bomb that stops by itself: this machine is not ours alone.
    await deploy(
      'bomb',
      `import os, time
import pilotfish
def handle(event, ctx):
    for _ in range(300):
        if os.fork() == 0:
            os.execvp("sleep", ["${mark}", "300"])
    time.sleep(60)
pilotfish.run(handle)
`,
    );
    const bombed = await pilot.cli(['invoke', 'bomb', '-d', 'x']);
    expect(bombed).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/it ran \d+ processes; an instance may have 256/),
    });
    await eventually(() => processesOf(mark).length === 0, { timeoutMs: 5_000, what: 'none of its processes' });
  }, 60_000);

  it('writes its scratch, sends no signal to its agent and opens no network, where the node can see to it', async () => {
    await deploy(
      'curious',
      `import os, signal, socket
import pilotfish
def tried(what):
    try:
        what()
        return "done"
    except OSError as error:
        return type(error).__name__
def connect():
    socket.create_connection(("127.0.0.1", 9), 1)
def handle(event, ctx):
    return {
        "own": tried(lambda: open("own", "w").close()),
        "foreign-files": tried(lambda: open("/tmp/pilotfish-foreign", "w").close()),
        "signals": tried(lambda: os.kill(int(event.text()), 0)),
        "network": tried(connect),
    }
pilotfish.run(handle)
`,
    );
    const { stdout } = await pilot.cli(['invoke', 'curious', '-d', String(pilot.pid('n1', 'agent'))]);
    const [node] = await pilot.client.nodes();
    const expected = { own: 'done', 'foreign-files': 'PermissionError', signals: 'PermissionError' };
    const found = JSON.parse(stdout) as Record<string, string>;
    expect(found['own']).toBe(expected.own);
    for (const claim of ['foreign-files', 'signals'] as const)
      expect(found[claim]).toBe(node?.isolation?.enforced.includes(claim) ? expected[claim] : 'done');
    if (node?.isolation?.enforced.includes('network')) expect(found['network']).toMatch(/^(OSError|PermissionError)$/);
    const page = (await pilot.cli(['describe', 'curious'])).stdout;
    for (const [claim, what] of [
      ['network', 'network'],
      ['foreign-files', 'files'],
      ['signals', 'signals'],
    ] as const) {
      const holds = node?.isolation?.enforced.includes(claim) ? 'enforced' : 'not enforced here';
      expect(page).toMatch(new RegExp(`^  ${what} .*  ${holds}$`, 'm'));
    }
  }, 60_000);

  it('is refused at deploy when a file of it is missing or lies outside', async () => {
    const here = mkdtempSync(join(folder, 'f-'));
    const manifest = (files: string) =>
      writeFileSync(join(here, 'pilotfish.yaml'), `functions:\n  x: { command: [python3, -V], files: [${files}] }\n`);
    manifest('gone.py');
    expect(await pilot.cli(['deploy', here])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('no file "gone.py"'),
    });
    manifest('../../../etc/hostname');
    writeFileSync(join(here, 'ok.txt'), '');
    expect((await pilot.cli(['deploy', here])).code).toBe(3);
  }, 30_000);
});

describe('the numpy example', () => {
  it('reconstructs a disc to what it is', async (context) => {
    const packages = join(folder, 'packages');
    const installed = await run('python3', ['-m', 'pip', 'install', '--quiet', '--target', packages, 'numpy'], {
      timeout: 90_000,
    }).then(
      () => true,
      () => false,
    );
    if (!installed) context.skip('pip cannot install numpy here');
    const here = join(folder, 'recon-numpy');
    await run('cp', ['-r', join(root, 'functions/recon-numpy'), here]);
    // The node's python has no numpy of its own: this one lies in a folder that the function is told of.
    const { readFileSync } = await import('node:fs');
    const source = readFileSync(join(here, 'recon.py'), 'utf8');
    writeFileSync(join(here, 'recon.py'), `import sys\nsys.path.insert(0, ${JSON.stringify(packages)})\n${source}`);
    expect(await pilot.cli(['deploy', here])).toMatchObject({ code: 0 });
    const [angles, columns, radius] = [180, 128, 40];
    const sinogram = new Float32Array(angles * columns);
    for (let at = 0; at < sinogram.length; at++) {
      const s = (at % columns) - (columns - 1) / 2;
      sinogram[at] = 2 * Math.sqrt(Math.max(0, radius ** 2 - s ** 2));
    }
    const { payload } = await pilot.client.invoke('recon-numpy', Buffer.from(sinogram.buffer), {
      headers: { Angles: String(angles) },
    });
    const slice = new Float32Array(Uint8Array.from(payload).buffer);
    let squares = 0;
    for (const [at, value] of slice.entries()) {
      const x = (at % columns) - (columns - 1) / 2;
      const y = Math.floor(at / columns) - (columns - 1) / 2;
      squares += (value - (Math.hypot(x, y) < radius ? 1 : 0)) ** 2;
    }
    expect(10 * Math.log10(slice.length / squares)).toBeGreaterThan(20);
    await expect(pilot.client.invoke('recon-numpy', Buffer.alloc(12))).rejects.toMatchObject({
      code: 'function-rejected',
    });
  }, 150_000);
});
