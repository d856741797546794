/** Stacks of minified bundles: mapped with a map that is fetched once, also for those that come meanwhile. */
import { Script } from 'node:vm';
import { build } from 'esbuild';
import { expect, it } from 'vitest';
import type { ArtifactStore } from '#broker';
import { holdsStack, StackMap } from '../../platform/agent/instances/stack-map.ts';

/** Column 5 of the bundle's line 1 is line 3, column 2 of f.ts. */
const map = JSON.stringify({ version: 3, sources: ['f.ts'], names: [], mappings: 'KAEC', sourcesContent: [''] });
const stack = 'Error: no\n    at x (pilotfish-function:1:6)\n    at run (/somewhere/instance.cjs:9:9)';

function storeOf(get: () => Promise<Uint8Array>): ArtifactStore {
  return { get } as unknown as ArtifactStore;
}

it('`map()` waits for a map that is being fetched, and fetches it once', async () => {
  let fetched = 0;
  const arrival = Promise.withResolvers<void>();
  const stacks = new StackMap(
    storeOf(async () => {
      fetched++;
      await arrival.promise;
      return Buffer.from(map);
    }),
    'digest',
  );
  const both = [stacks.map(stack), stacks.map(stack)];
  arrival.resolve();
  for (const mapped of await Promise.all(both)) expect(mapped).toBe('Error: no\n    at x (f.ts:3:2)');
  expect(fetched).toBe(1);
});

it('`map()` shows the stack as it is where the map cannot be had, and asks again', async () => {
  let fetched = 0;
  const stacks = new StackMap(
    storeOf(async () => {
      if (fetched++ === 0) throw new Error('not now');
      return Buffer.from(map);
    }),
    'digest',
  );
  expect(await stacks.map(stack)).toBe('Error: no\n    at x (pilotfish-function:1:6)');
  expect(await stacks.map(stack)).toContain('f.ts:3:2');
});

it('`map()` gives functions the names that their author gave them, methods and constructors too', async () => {
  const source = `
    class Reading { constructor(text: string) { if (text === 'bad') fails(text); } }
    function fails(text: string): never { throw new Error(text); }
    const middle = (text: string, depth: number): Reading => depth > 0 ? middle(text, depth - 1) : new Reading(text);
    async function later(text: string) { await null; return middle(text, 1); }
    export default { async handle(text: string) { return await later(text); } };`;
  const built = await build({
    stdin: { contents: source, sourcefile: 'f.ts', loader: 'ts' },
    ...{ bundle: true, write: false, format: 'cjs', minify: true, sourcemap: 'external', outfile: 'f.js' },
  });
  const [text = '', code = ''] = built.outputFiles?.map((file) => file.text) ?? [];
  const module = { exports: { default: { handle: async (_text: string): Promise<unknown> => undefined } } };
  const head = '(module)=>{';
  const run = new Script(`${head}${code}\n}`, {
    filename: 'pilotfish-function',
    columnOffset: -head.length,
  }).runInThisContext() as (m: object) => void;
  run(module);
  const failure = (await module.exports.default.handle('bad').catch((error: unknown) => error)) as Error;
  const stacks = new StackMap(
    storeOf(async () => Buffer.from(text)),
    'digest',
  );
  const frames = (await stacks.map(failure.stack ?? '')).split('\n').filter((line) => line.includes('f.ts'));
  expect(
    frames.map((line) =>
      line
        .trim()
        .replace(/ \(.*f\.ts:/, ' ')
        .replace(/:\d+\)$/, ''),
    ),
  ).toEqual(['at fails 3', 'at new Reading 2', 'at middle 4', 'at middle 4', 'at later 5', 'at async Object.handle 6']);
});

it('`holdsStack()` knows a stack among words', () => {
  expect(holdsStack(`went wrong: ${stack}`)).toBe(true);
  expect(holdsStack('pilotfish-function is a name')).toBe(false);
});
