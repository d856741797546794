/** Manifests: what is accepted, with which defaults, and that every refusal says where and what instead. */
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { manifestJsonSchema, parseManifest } from '#bundle';
import { PlatformError } from '#common';
import { fc } from '../harness/properties.ts';

/** The refusal of a manifest; fails where there is none. */
function refusal(text: string): PlatformError {
  try {
    parseManifest(text, 'pilotfish.yaml');
  } catch (error) {
    expect(error).toBeInstanceOf(PlatformError);
    return error as PlatformError;
  }
  throw new Error(`accepted: ${text}`);
}

const echo = (lines: string) => `functions:\n  echo:\n    entry: echo.ts\n${lines}`;

test('`parseManifest()` fills in every default of the design', () => {
  const [parsed] = parseManifest(echo(''), 'pilotfish.yaml');
  expect(parsed).toEqual({
    files: [],
    entry: 'echo.ts',
    spec: {
      name: 'echo',
      command: [],
      transport: '',
      batch: undefined,
      permissions: { net: false, read: [], write: [], env: [] },
      secrets: [],
      latency: false,
      claimOverBytes: 8_388_608,
      limits: { inFlight: 0, memoryBytes: 134_217_728 },
      kind: 'typescript',
      triggers: [],
      output: '',
      timeoutMs: 30_000,
      retry: { attempts: 5, minMs: 1_000, maxMs: 60_000 },
      concurrency: 1,
      resources: { cpu: 1, memoryBytes: 256 * 2 ** 20, gpus: 0 },
      scale: { min: 0, max: 16, drainTargetMs: 10_000, cooldownMs: 30_000, weight: 1, schedule: [] },
      placement: { strategy: 'spread', labels: {} },
      configJson: '{}',
    },
  });
});

test('`parseManifest()` reads a gather with its units', () => {
  const [parsed] = parseManifest(
    echo(
      '    on: [{ subject: "scan.*.rows.*", gather: { key: "{1}.{2}", gap: 2s, timeout: 30s, onIncomplete: run, count: 180 } }]\n    output: "recon.{1}.{2}"',
    ),
    'pilotfish.yaml',
  );
  expect(parsed?.spec.triggers).toMatchObject([
    {
      name: 'on0',
      subject: 'scan.*.rows.*',
      gather: { key: '{1}.{2}', counts: { '*': 180 }, gapMs: 2_000, timeoutMs: 30_000, onIncomplete: 'run' },
    },
  ]);
});

test.each([
  [
    'an unknown key, with the nearest',
    '    concurency: 3',
    '4:5: "concurency" is not a known key',
    'Did you mean "concurrency"?',
  ],
  [
    'a key that belongs deeper',
    '    memry: 2GiB',
    '4:5: "memry" is not a known key',
    'Did you mean "memory" of "resources"?',
  ],
  ['an unknown key deep inside', '    retry: { attemps: 3 }', '4:14: "attemps" is not a known key', '"attempts"'],
  ['a wrong type', '    concurrency: many', '4:18: "concurrency" must be a number, not a text', ''],
  ['a duration without a unit', '    timeout: "30"', '4:14: "timeout" is no duration', ''],
  ['a size without sense', '    resources: { memory: lots }', '4:26: "memory" is no size', ''],
  ['memory in which Node cannot start', '    resources: { memory: 1MiB }', '4:26: "1MiB" is out of range', ''],
  [
    'a placeholder without its wildcard',
    '    on: [{ subject: "a.*" }]\n    output: "b.{2}"',
    '5:13: output: "{2}" has no counterpart',
    '',
  ],
  [
    'an output that triggers its own function',
    '    on: [{ subject: "a.>" }]\n    output: a.b',
    'would trigger the function itself',
    '',
  ],
  [
    'an output token that a gather does not know',
    '    on: [{ subject: "a.*.*", gather: { key: "{1}" } }]\n    output: "b.{2}"',
    '"{2}" is not part of the gather key',
    '',
  ],
  [
    'a gather key that is constant',
    '    on: [{ subject: "a.*", gather: { key: all } }]',
    '4:43: gather.key: "all" names no token',
    '',
  ],
  ['a subject with a blank', '    on: [{ subject: "a b" }]', '4:21: subject "a b" cannot hold the token "a b"', ''],
  ['a wildcard inside a subject', '    on: [{ subject: "a.>.b" }]', 'cannot hold the token ">"', ''],
  [
    'two triggers of one name',
    '    on: [{ name: x, subject: a }, { name: x, subject: b }]',
    'two triggers are called "x"',
    '',
  ],
  ['a pattern that is none', '    scale: { schedule: [{ cron: "0 8 * *", for: 1h }] }', 'CronPattern', 'Five fields'],
  ['min above max', '    scale: { min: 3, max: 2 }', 'scale.min 3 is above scale.max 2', ''],
  ['a duration above a day', '    timeout: 2d', '"2d" is too long', ''],
])('`parseManifest()` refuses %s', (_what, lines, message, hint) => {
  const error = refusal(echo(lines));
  expect(error.code).toBe('invalid');
  expect(error.message).toContain('pilotfish.yaml:');
  expect(error.message).toContain(message);
  expect(error.hint).toContain(hint);
});

test('`parseManifest()` tells mistakes in the order in which they stand', () => {
  const { message } = refusal(
    echo('    concurrency: many\n    timeout: [3]\n    on: { subject: "a.*" }\n    scale: { max: 1.5 }'),
  );
  const lines = message.split('\n').map((line) => Number(/yaml:(\d+):/.exec(line)?.[1]));
  expect(lines).toHaveLength(4);
  expect(lines).toEqual(lines.toSorted((a, b) => a - b));
});

test("`parseManifest()` says where a function's keys stand, once", () => {
  const error = refusal('entry: f.ts\ntimeout: 3s\n');
  expect(error.message).toContain('pilotfish.yaml:2:1: "timeout" is not a known key');
  expect(error.hint).toBe('The keys of a function stand below its name: functions: { NAME: { entry: FILE } }.');
});

test.each([
  ['without a trigger', '    order: { key: "{1}" }', 'the function has no trigger'],
  ['by a constant', '    on: [{ subject: "a.*" }]\n    order: { key: "all" }', 'names no token'],
  ['by a wildcard that is not there', '    on: [{ subject: "a.*" }]\n    order: { key: "{2}" }', '{2}'],
  [
    'of gathers',
    '    on: [{ subject: "a.*", gather: { key: "{1}" } }]\n    order: { key: "{1}" }',
    'a gather is not put in order',
  ],
])('`parseManifest()` refuses order %s', (_what, lines, message) => {
  expect(refusal(echo(lines)).message).toContain(message);
});

test.each([
  ['an entry beside a command', 'entry: a.ts, command: [python3, a.py]', 'an entry or a command, not both'],
  ['neither entry nor command', 'timeout: 1s', 'needs an entry'],
  ['another ending', 'entry: a.py', '"a.py" is no entry'],
  ['a transport without command', 'entry: a.ts, transport: stdio', 'transport belongs to a command'],
  ['an odd transport', 'command: [a], transport: pipe', 'transport'],
  ['a gather on WASM', 'entry: a.wasm, on: [{ subject: "a.*", gather: { key: "{1}" } }]', 'cannot be given the parts'],
  ['batches on WASM', 'entry: a.wasm, batch: {}', 'one event at a time'],
  ['a duration without its unit', 'entry: a.ts, retry: { min: 5 }', '"min" is no duration: write it like 250ms'],
  ['a size without its unit', 'entry: a.ts, limits: { memory: 64 }', '"memory" is no size: write it like 64KiB'],
  ['a batch of none', 'entry: a.ts, batch: { size: 0 }', '"size" must be at least 1'],
  ['an unknown permission', 'entry: a.ts, permissions: { network: true }', 'network'],
  ['a secret in small letters', 'entry: a.ts, secrets: [token]', 'no name of a secret'],
])('`parseManifest()` refuses %s', (_what, fields, message) => {
  const error = refusal(`functions:\n  a: { ${fields} }`);
  expect(error).toMatchObject({ code: 'invalid' });
  expect(error.message).toContain('pilotfish.yaml:2:');
  expect(error.message).toContain(message);
});

test.each([
  ['a.ts', 'typescript'],
  ['a.js', 'typescript'],
  ['a.as.ts', 'wasm'],
  ['a.wasm', 'wasm'],
])('`parseManifest()` takes %s as a function of kind %s', (entry, kind) => {
  expect(parseManifest(`functions:\n  a: { entry: ${entry} }`, 'pilotfish.yaml')[0]?.spec.kind).toBe(kind);
});

test('`parseManifest()` reads what a function may be given', () => {
  const [one] = parseManifest(
    `functions:
  a:
    command: [python3, a.py]
    files: [table.csv]
    batch: { size: 8, wait: 10ms }
    permissions: { net: true, read: [/data], env: [HOME] }
    secrets: [TOKEN, API_KEY]
    latency: true`,
    'pilotfish.yaml',
  );
  expect(one).toMatchObject({
    entry: undefined,
    files: ['table.csv'],
    spec: {
      kind: 'process',
      command: ['python3', 'a.py'],
      transport: 'fd3',
      batch: { size: 8, waitMs: 10 },
      permissions: { net: true, read: ['/data'], write: [], env: ['HOME'] },
      secrets: ['API_KEY', 'TOKEN'],
      latency: true,
    },
  });
});

test.each([
  ['function', 'functions:\n  a: { entry: a.ts }\n  b: { entry: b.ts }\n  a: { entry: c.ts }', '4:3: "a"'],
  ['key', echo('    timeout: 1s\n    timeout: 2s'), '5:5: "timeout"'],
])('`parseManifest()` refuses a %s that stands twice, at its second place', (_what, text, at) => {
  expect(refusal(text)).toMatchObject({ code: 'invalid', message: `pilotfish.yaml:${at} stands here a second time` });
});

test.each(['Echo', '1st', 'a_b', 'a'.repeat(64), '-a'])(
  '`parseManifest()` refuses the function name "%s" at its place',
  (name) => {
    expect(refusal(`functions:\n  ${name}: { entry: a.ts }`).message).toContain(
      `pilotfish.yaml:2:3: "${name}" is no function name`,
    );
  },
);

test('`parseManifest()` answers any text with functions or a refusal that names file and place', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      try {
        expect(Array.isArray(parseManifest(text, 'f.yaml'))).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(PlatformError);
        expect((error as PlatformError).message).toMatch(/^f\.yaml(:\d+:\d+)?/);
      }
    }),
    { numRuns: 500 },
  );
});

test('`parseManifest()` answers any YAML of the right outline the same way', () => {
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('any'), { maxLength: 3 }),
      fc.dictionary(fc.string(), tie('any'), { maxKeys: 3 }),
    ),
  })).any;
  const keys = fc.constantFrom(
    'entry',
    'on',
    'output',
    'timeout',
    'retry',
    'concurrency',
    'resources',
    'scale',
    'config',
    'other',
  );
  fc.assert(
    fc.property(fc.dictionary(keys, value), (body) => {
      try {
        parseManifest(JSON.stringify({ functions: { a: body } }), 'f.yaml');
      } catch (error) {
        expect(error).toBeInstanceOf(PlatformError);
        expect((error as PlatformError).message).toMatch(/^f\.yaml:\d+:\d+: /);
      }
    }),
    { numRuns: 500 },
  );
});

test('`parseManifest()` keeps the durations it is given', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 86_400_000 }), (ms) => {
      expect(parseManifest(echo(`    timeout: ${ms}ms`), 'f.yaml')[0]?.spec.timeoutMs).toBe(ms);
    }),
  );
});

test('deploy/pilotfish.schema.json is what the manifest schema says (refresh with `vitest -u`)', async () => {
  const file = resolve(import.meta.dirname, '../../deploy/pilotfish.schema.json');
  await expect(`${JSON.stringify(manifestJsonSchema(), null, 2)}\n`).toMatchFileSnapshot(file);
});
