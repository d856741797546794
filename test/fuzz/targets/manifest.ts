/** Manifests that are nearly right: functions, or `invalid` with a place in the file. Never anything else, and never a polluted prototype. */
import { parseManifest } from '#bundle';
import { PlatformError } from '#common';
import { fc } from '../../harness/properties.ts';
import { type FuzzTarget, mutated } from '../fuzz.ts';

const good = `functions:
  recon:
    entry: recon.ts
    on: [{ subject: "scan.*.frame" }, { cron: "*/5 * * * *", timezone: UTC }, { http: { path: "/a/*", answer: result } }]
    output: "slices.{1}"
    config: { colour: red, deep: { a: [1, 2, 3] } }
    secrets: [KEY]
    retry: { attempts: 3, min: 100ms, max: 1s }
    resources: { cpu: 2, memory: 512MiB }
    scale: { min: 0, max: 4 }
    timeout: 30s
  other: &a
    entry: kernel.wasm
  third:
    <<: *a
`;

const odd = fc.constantFrom(
  ...[
    '__proto__:',
    'constructor: { prototype: { polluted: true } }',
    '&a [*a, *a]',
    '? [1]\n: 2',
    '!!js/function x',
    '!!binary "////"',
  ],
  ...[
    '- ',
    ': ',
    '{',
    '}}',
    '[[[[',
    '*missing',
    '<<: *a',
    '\u0000',
    '\ud800',
    '---\n',
    '...\n',
    '|\n',
    '>-\n',
    '%TAG ! tag:x,2000:\n',
  ],
  ...[
    '1e999',
    '.inf',
    '.nan',
    '0x7fffffffffffffff',
    '2001-12-14t21:59:43.10-05:00',
    '"\\u0000"',
    '~',
    '99999999999d',
    '-1MiB',
  ],
);

/** Lines of the good one, some replaced by something odd at the same depth. */
const rewritten = fc.array(fc.tuple(fc.nat(30), fc.nat(8), odd), { minLength: 1, maxLength: 5 }).map((edits) => {
  const lines = good.split('\n');
  for (const [at, indent, text] of edits) {
    const line = at % lines.length;
    const [key = ''] = /^\s*[\w<]+: /.exec(lines[line] ?? '') ?? [];
    lines[line] = key === '' || indent > 4 ? `${' '.repeat(indent)}${text}` : key + text;
  }
  return lines.join('\n');
});

export const manifest: FuzzTarget = {
  name: 'manifest',
  runs: 500,
  open: async () => ({
    property: fc.property(
      fc.oneof(
        { weight: 3, arbitrary: rewritten },
        { weight: 2, arbitrary: mutated([Buffer.from(good)]).map((bytes) => Buffer.from(bytes).toString('utf8')) },
        { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 300 }) },
      ),
      (text) => {
        try {
          parseManifest(text, 'pilotfish.yaml');
        } catch (error) {
          if (!(error instanceof PlatformError && error.code === 'invalid')) throw error;
          if (!error.message.startsWith('pilotfish.yaml')) throw new Error('it names no place', { cause: error });
        }
        if ('polluted' in {}) throw new Error('every object has a new property');
      },
    ),
  }),
};
