/** What a function can do to others: nothing. Each claim of docs/containment.md, tried on a real pilot beside a neighbour that must not notice. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { FunctionFolder } from '../harness/functions.ts';
import { TestPilot } from '../harness/pilot.ts';

const functions = new FunctionFolder();
let pilot: TestPilot;
let agentPid = 0;

beforeAll(async () => {
  pilot = await TestPilot.start({ coresPerNode: 24 });
  agentPid = pilot.pid('n1', 'agent');
  await functions.deploy(pilot, 'neighbour', '(event, ctx) => event.text() + ctx.function.instance', [
    'scale: { min: 1 }',
  ]);
  await pilot.client.invoke('neighbour', Buffer.from('x'));
}, 60_000);

afterAll(async () => {
  functions[Symbol.dispose]();
  await pilot?.[Symbol.asyncDispose]();
}, 60_000);

/** The agent is the same process, and the neighbour's one instance has answered all along. */
afterEach(async () => {
  expect(pilot.pid('n1', 'agent')).toBe(agentPid);
  expect((await pilot.client.invoke('neighbour', Buffer.from('x'))).payload.toString()).toMatch(/^xn1-/);
  const { instances } = await pilot.client.get('neighbour');
  expect(instances.filter(({ state }) => state === 'ready')).toHaveLength(1);
});

async function failureOf(name: string, handler: string, settings: readonly string[] = []) {
  await functions.deploy(pilot, name, handler, settings);
  return await pilot.client.invoke(name, Buffer.from('x')).then(
    ({ payload }) => ({ code: 'none', message: payload.toString() }),
    (error: { code: string; message: string }) => ({ code: error.code, message: error.message }),
  );
}

/** Directories of instances that are there now, against the instances that there are, waiting hosts included. */
function scratchDirectories(): string[] {
  const scratch = join(pilot.node('n1').runDirectory, 'scratch');
  return existsSync(scratch) ? readdirSync(scratch) : [];
}

describe('a call ends in a clear error where the function', () => {
  it('loops for ever', async () => {
    const failure = await failureOf('loops', '() => { for (;;); }', ['timeout: 400ms']);
    expect(failure).toMatchObject({ code: 'function-timeout', message: expect.stringContaining('400 ms') });
  });

  it('never settles its promise, and ignores SIGTERM', async () => {
    const handler = `() => { process.on('SIGTERM', () => undefined); return new Promise(() => setInterval(() => undefined, 1000)); }`;
    await functions.deploy(pilot, 'deaf', handler, ['timeout: 400ms', 'scale: { min: 1 }']);
    const instances = async () => (await pilot.client.get('deaf')).instances.map(({ id }) => id);
    await eventually(async () => (await instances()).length === 1, { timeoutMs: 10_000, what: 'its instance' });
    const [first = ''] = await instances();
    await expect(pilot.client.invoke('deaf', Buffer.alloc(0))).rejects.toMatchObject({ code: 'function-timeout' });
    await eventually(async () => !(await instances()).includes(first), { timeoutMs: 5_000, what: 'its end' });
  });

  it.each([
    ['fills the heap', '() => { const kept = []; for (;;) kept.push(new Array(1e5).fill(Math.random())); }'],
    ['fills buffers', '() => { const kept = []; for (;;) kept.push(Buffer.alloc(16 << 20, 1)); }'],
    [
      'fills shared memory',
      '() => { const kept = []; for (;;) { const b = new SharedArrayBuffer(16 << 20); new Uint8Array(b).fill(1); kept.push(b); } }',
    ],
    [
      'fills WASM memory',
      `() => { const kept = []; for (;;) { const m = new WebAssembly.Memory({ initial: 256 }); new Uint8Array(m.buffer).fill(1); kept.push(m); } }`,
    ],
  ])('%s', async (what, handler) => {
    const name = what.replace(/ /g, '-').toLowerCase();
    const failure = await failureOf(name, handler, ['resources: { memory: 64MiB }', 'timeout: 20s']);
    expect(failure.code).toMatch(/^(instance-lost|function-failed)$/);
    expect(failure.message).not.toBe('');
  });

  it('fills its scratch, which lies in memory', async ({ skip }) => {
    const { runDirectory } = pilot.node('n1');
    skip(!runDirectory.startsWith('/dev/shm/'), 'scratch lies on a disk here, whose owner sets bounds');
    const handler = `async () => {
      const { appendFileSync } = process.getBuiltinModule('node:fs');
      const piece = Buffer.alloc(4 << 20, 1);
      for (let written = 0; written < 1 << 30; written += piece.length) {
        appendFileSync('dump', piece);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      return 'written';
    }`;
    const failure = await failureOf('dumps', handler, ['resources: { memory: 64MiB }', 'timeout: 30s']);
    expect(failure).toMatchObject({
      code: 'instance-lost',
      message: expect.stringContaining('it wrote more than 192 MiB into its scratch'),
    });
    await eventually(
      () => !scratchDirectories().some((name) => existsSync(join(runDirectory, 'scratch', name, 'dump'))),
      {
        timeoutMs: 10_000,
        what: 'the end of what it wrote',
      },
    );
  });

  it.each([
    ['exits', '() => process.exit(0)', /exited with code 0/],
    ['aborts', '() => process.abort()', /SIGABRT/],
    [
      'ends by a segmentation fault',
      `() => { process.kill(process.pid, 'SIGSEGV'); return new Promise(() => setInterval(() => undefined, 1000)); }`,
      /SIGSEGV/,
    ],
    [
      'rejects without anybody listening',
      `() => { Promise.reject(new Error('nobody heard')); return new Promise(() => setInterval(() => undefined, 1000)); }`,
      /nobody heard/,
    ],
    [
      'throws from a timer',
      `() => { setTimeout(() => { throw new Error('late'); }, 10); return new Promise(() => setInterval(() => undefined, 1000)); }`,
      /late/,
    ],
    ['returns more than may be', '() => Buffer.alloc(21 * 2 ** 20)', /result has 22020096 bytes; the most is/],
    ['returns what JSON cannot say', '() => { const a = {}; a.a = a; return a; }', /circular/],
    ['starts a process', `() => process.getBuiltinModule('child_process').spawnSync('true').error.code`, /restricted/],
    [
      'starts a thread',
      `() => { new (process.getBuiltinModule('worker_threads').Worker)('1', { eval: true }); }`,
      /denied|restricted/i,
    ],
    [
      "reads the agent's environment",
      `() => process.getBuiltinModule('fs').readFileSync('/proc/' + process.ppid + '/environ', 'utf8')`,
      /restricted|denied/i,
    ],
    [
      'reads a file of the node',
      `() => process.getBuiltinModule('fs').readFileSync('/etc/hostname', 'utf8')`,
      /restricted|denied/i,
    ],
    [
      'looks at the files of other functions',
      `() => process.getBuiltinModule('fs').readdirSync(process.cwd() + '/..').join()`,
      /restricted|denied/i,
    ],
    [
      'writes outside of its scratch',
      `() => process.getBuiltinModule('fs').writeFileSync('/tmp/pilotfish-written', 'x')`,
      /restricted|denied/i,
    ],
    [
      'writes into the cache of code',
      `(event, ctx) => { const fs = process.getBuiltinModule('fs'); const dir = process.cwd() + '/../../../nodes/n1/artifacts'; fs.writeFileSync(dir + '/x.cache', 'x'); }`,
      /restricted|denied/i,
    ],
  ])('%s', async (what, handler, message) => {
    const name = `c-${what
      .replace(/[^a-z]+/gi, '-')
      .toLowerCase()
      .slice(0, 40)}`;
    const failure = await failureOf(name, handler, ['timeout: 10s']);
    expect(failure.message).toMatch(message);
    expect(existsSync('/tmp/pilotfish-written')).toBe(false);
  });
});

it('a function has no network where `node list` says so, and has it where the manifest grants it', async () => {
  const handler = `async () => {
    const { createConnection } = process.getBuiltinModule('net');
    return await new Promise((done) => {
      const socket = createConnection(PORT, 'ADDRESS');
      socket.on('connect', () => { socket.destroy(); done('connected'); });
      socket.on('error', (error) => done(error.code));
    });
  }`;
  const [address = '', port = ''] = pilot.connection.gateway.address.split(':');
  expect(address).not.toBe('');
  const at = handler.replace('PORT', port).replace('ADDRESS', address);
  const [node] = await pilot.client.nodes();
  const closed = await failureOf('net-closed', at);
  const open = await failureOf('net-open', at, ['permissions: { net: true }']);
  expect(open.message).toBe('connected');
  if (node?.isolation?.enforced.includes('network'))
    expect(closed.message).toMatch(/ENETUNREACH|EADDRNOTAVAIL|ECONNREFUSED/);
  else {
    expect(node?.isolation?.notEnforced).toContain('network');
    expect(closed.message).toBe('connected');
  }
  expect((await pilot.cli(['node', 'list', '-o', 'wide'])).stdout).toContain(node?.isolation?.tier ?? 'none');
});

it('a function has the files and variables that its manifest grants, and no others', async () => {
  const handler = `() => {
    const fs = process.getBuiltinModule('fs');
    let denied = '';
    try { fs.readFileSync('/etc/hosts'); } catch (error) { denied = error.code; }
    return [fs.readFileSync('/etc/hostname', 'utf8').length > 0, denied, Object.keys(process.env).includes('PATH'), Object.keys(process.env).includes('HOME')].join(' ');
  }`;
  const granted = await failureOf('grants', handler, ['permissions: { read: [/etc/hostname], env: [PATH] }']);
  expect(granted.message).toBe('true ERR_ACCESS_DENIED true false');
});

it('a function sends no signal out and writes nothing by way of SQLite, where `node list` says so', async () => {
  const written = '/tmp/pilotfish-sqlite.db';
  const handler = `() => {
    const tried = (what) => { try { what(); return 'done'; } catch (error) { return error.code; } };
    const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
    return [
      tried(() => process.kill(process.ppid, 0)),
      tried(() => new DatabaseSync('${written}').exec('CREATE TABLE a (b)')),
    ].join(' ');
  }`;
  const [node] = await pilot.client.nodes();
  const enforced = node?.isolation?.enforced ?? [];
  const { message } = await failureOf('reaches-out', handler);
  try {
    const kept = [
      enforced.includes('signals') ? 'EPERM' : 'done',
      enforced.includes('foreign-files') ? 'ERR_SQLITE_ERROR' : 'done',
    ];
    expect(message).toBe(kept.join(' '));
  } finally {
    rmSync(written, { force: true });
  }
});

it.each([
  ['ctx.log', 'ctx.log.info(line)'],
  ['console.log', 'console.log(line)'],
  ['stdout', "process.stdout.write(line + '\\n')"],
])(
  'a gigabyte of log by %s costs the function its lines, of which its log says how many, and nobody else anything',
  async (way, write) => {
    const name = `chatty-${way.replace('.', '-')}`;
    const lines = 130_000;
    const handler = `(event, ctx) => {
    const line = 'x'.repeat(8000);
    for (let n = 0; n < ${lines}; n++) ${write};
    return 'done';
  }`;
    await functions.deploy(pilot, name, handler, ['timeout: 60s']);
    expect((await pilot.client.invoke(name, Buffer.alloc(0))).payload.toString()).toBe('done');
    // Some lines are kept, more of them the longer it takes; the log says how many were not.
    const dropped = async () => {
      let count = 0;
      for await (const { message } of pilot.client.logs(name, { level: 'warn' }))
        count += Number(/^([\d,]+) lines? dropped: over 500 a second$/.exec(message)?.[1]?.replaceAll(',', ''));
      return count;
    };
    await eventually(async () => (await dropped()) > lines / 2, { timeoutMs: 20_000, what: 'how many were dropped' });
    expect(await dropped()).toBeLessThan(lines);
  },
  90_000,
);

it('an event whose function kills its instance is tried again, and ends in the dead letters by policy', async () => {
  const handler = `(event, ctx) => {
    if (event.subject === 'dies.timeout') for (;;);
    if (event.subject === 'dies.once' && ctx.attempt === 1) throw new Error('first');
    return event.subject;
  }`;
  await functions.deploy(pilot, 'dies', handler, [
    'timeout: 300ms',
    'retry: { attempts: 2, min: 20ms, max: 50ms }',
    'on: [{ subject: "dies.*" }]',
    'output: "died.{1}"',
  ]);
  await using source = await pilot.events('source');
  for (const subject of ['dies.timeout', 'dies.once']) await source.publish(subject, '');
  await source.flush();
  await eventually(async () => (await Array.fromAsync(pilot.client.deadLetters('dies'))).length === 1, {
    timeoutMs: 20_000,
    what: 'one dead letter',
  });
  expect(await Array.fromAsync(pilot.client.deadLetters('dies'))).toMatchObject([
    { subject: 'dies.timeout', attempts: [{ error: expect.stringContaining('300 ms') }, {}] },
  ]);
  await eventually(async () => (await pilot.client.get('dies')).summary?.handled === 1, {
    timeoutMs: 10_000,
    what: 'the other event',
  });
});

it('what has ended leaves nothing behind', async () => {
  const kept = async () => {
    const [node] = await pilot.client.nodes();
    return new Set(node?.instances.map(({ id }) => id));
  };
  await eventually(
    async () => {
      const ids = await kept();
      // Besides those of instances: hosts that wait for a function, one a memory class.
      return scratchDirectories().filter((name) => !ids.has(name)).length <= 4;
    },
    { timeoutMs: 10_000, what: 'no scratch directory of an instance that has ended' },
  );
});

describe('a function reaches nothing of others through its context', () => {
  it('neither their state, however its keys are called', async () => {
    const handler = `async (event, ctx) => {
      if (ctx.function.name === 'keeps') return void (await ctx.state.set('k', 'mine'));
      const keys = ['k', 'keeps.k', 'keeps/k', '../keeps/k', '*', '>', 'keeps.>', ''];
      const found = [];
      for (const key of keys) found.push(await ctx.state.get(key).then((entry) => entry?.text() ?? 'none', () => 'refused'));
      return [...new Set(found)].sort().join();
    }`;
    for (const name of ['keeps', 'peeks']) await functions.deploy(pilot, name, handler);
    await pilot.client.invoke('keeps', Buffer.alloc(0));
    const { payload } = await pilot.client.invoke('peeks', Buffer.alloc(0));
    expect(payload.toString()).toMatch(/^(none|refused|none,refused)$/);
  });

  it("nor subjects of the platform's own events, nor the registry, by no way of publishing", async () => {
    const before = JSON.stringify(await pilot.client.get('neighbour').then(({ versions }) => versions));
    await functions.deploy(
      pilot,
      'forges',
      `async (event, ctx) => {
        const subject = event.text();
        if (subject.startsWith('out:')) return new Output('x', { subject: subject.slice(4) });
        await ctx.publish(subject, 'x');
        return 'published';
      }`,
    );
    const forge = (subject: string) =>
      pilot.client.invoke('forges', Buffer.from(subject)).then(
        ({ payload }) => payload.toString(),
        (error: Error) => error.message,
      );
    for (const way of ['', 'out:']) {
      expect(await forge(`${way}pilotfish.file.neighbour.on0.passwd`)).toContain("platform's own events");
      for (const subject of ['>', 'a.*', 'a b', '', 'a\r\nPUB ev.x 1', '.'])
        expect(await forge(way + subject)).toContain('no subject');
    }
    // Stored as an event of that name, below the users' own subjects: nobody takes it for the registry.
    expect(await forge('$KV.registry.alias.neighbour.latest')).toBe('published');
    expect(JSON.stringify(await pilot.client.get('neighbour').then(({ versions }) => versions))).toBe(before);
  });

  it("nor the pilot's keys, with which it could ask the streams itself", async () => {
    const keys = join(pilot.directory, 'keys');
    for (const path of [
      join(keys, 'agent.seed'),
      join(keys, 'gateway.seed'),
      join(pilot.directory, 'connection.json'),
    ]) {
      expect(existsSync(path)).toBe(true);
      const handler = `() => process.getBuiltinModule('fs').readFileSync(${JSON.stringify(path)}, 'utf8').length`;
      expect((await failureOf('steals', handler)).message).toMatch(/restricted|denied/i);
    }
  });
});
