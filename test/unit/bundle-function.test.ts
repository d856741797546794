/** Bundles: the same bytes everywhere, and errors that show the line. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createRequire, Module } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bundleBytesMax, bundleFunction, readProject, sha256Hex, versionDigest } from '#bundle';
import { PlatformError } from '#common';
import { artifactBytesMax } from '#rpc';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pilotfish-bundle-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(path: string, text: string): string {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

async function bundle(path: string) {
  const [only] = readProject(path).functions;
  if (!only) throw new Error(`no function at ${path}`);
  return bundleFunction(only);
}

async function refusal(path: string): Promise<PlatformError> {
  const thrown = await bundle(path).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(PlatformError);
  return thrown as PlatformError;
}

const source = `
import { defineFunction, Output } from 'pilotfish/sdk';
import { double } from './lib/double.ts';
const shared = require('./lib/common.cjs');
export default defineFunction({ handle: (event) => new Output(double(event.text()) + shared.end + __filename.length * 0) });
`;

function writeProject(at: string): string {
  write(`${at}/lib/double.ts`, 'export const double = (text: string): string => text + text;');
  write(`${at}/lib/common.cjs`, 'module.exports = { end: "!" };');
  return write(`${at}/twice.ts`, source);
}

test('`bundleFunction()` makes the same bytes in every directory, whatever tsconfig.json is above', async () => {
  const here = await bundle(writeProject('one'));
  const there = writeProject('some/where/else');
  write('some/tsconfig.json', '{ "compilerOptions": { "target": "es5", "useDefineForClassFields": false } }');
  const other = await bundle(there);
  expect(other.artifactDigest).toBe(here.artifactDigest);
  expect(Buffer.from(other.artifact).equals(here.artifact)).toBe(true);
  expect(here.artifactDigest).toBe(sha256Hex(here.artifact));
  expect(other.digest).toBe(here.digest);
});

test('`bundleFunction()` makes one script that runs alone and whose map is kept outside', async () => {
  const { artifact, sourceMap } = await bundle(writeProject('one'));
  const text = Buffer.from(artifact).toString('utf8');
  expect(text).not.toContain('sourceMappingURL');
  const map = JSON.parse(Buffer.from(sourceMap).toString('utf8')) as { sources: string[]; sourcesContent: string[] };
  expect(map.sources).toContain('twice.ts');
  expect(map.sourcesContent).toContain(source);
  const module = new Module('twice') as Module & { _compile(code: string, name: string): void };
  module.require = createRequire(import.meta.url);
  module._compile(text, join(folder, 'function.js'));
  const { handle } = (module.exports as { default: { handle(event: object): { data: string } } }).default;
  expect(handle({ text: () => 'ab' }).data).toContain('abab');
});

test('`versionDigest(, [])` changes with the spec, not with the order of its keys', async () => {
  const { spec, artifactDigest, digest } = await bundle(writeProject('one'));
  const reordered = Object.fromEntries(
    Object.entries({ ...spec, configJson: '{"b":1,"a":2}' }).reverse(),
  ) as unknown as typeof spec;
  expect(versionDigest(artifactDigest, reordered, [])).toBe(
    versionDigest(artifactDigest, { ...spec, configJson: '{"a":2,"b":1}' }, []),
  );
  expect(versionDigest(artifactDigest, { ...spec, timeoutMs: spec.timeoutMs + 1 }, [])).not.toBe(digest);
  expect(versionDigest(sha256Hex(new Uint8Array()), spec, [])).not.toBe(digest);
});

test('a syntax error is shown with file, line, column and the line itself', async () => {
  const error = await refusal(write('bad.ts', 'const a = 1;\nconst b = ;\nexport default {};'));
  expect(error.code).toBe('invalid');
  expect(error.message).toBe('bad.ts:2:11: Unexpected ";"\n  2 | const b = ;\n    |           ^');
});

test('an import that is not there is shown, with what to do', async () => {
  const error = await refusal(
    write('lost.ts', 'import nowhere from "nowhere-at-all";\nexport default { handle: () => nowhere };'),
  );
  expect(error.message).toContain('lost.ts:1:21: Could not resolve "nowhere-at-all"');
  expect(error.hint).toContain('npm install');
});

test('top-level await is explained', async () => {
  const error = await refusal(write('early.ts', 'await Promise.resolve();\nexport default { handle() {} };'));
  expect(error.message).toContain('early.ts:1:1');
  expect(error.hint).toContain('init()');
});

test.each([
  ['named exports only', 'a.ts', 'export const handle = () => 1;'],
  ['CommonJS', 'a.js', 'module.exports = { handle() {} };'],
])('a file with %s is refused', async (_what, name, text) => {
  const error = await refusal(write(name, text));
  expect(error).toMatchObject({ code: 'invalid', message: `${name} has no default export` });
});

test('a default export that comes from elsewhere counts', async () => {
  write('inner.ts', 'export default { handle: () => 1 };');
  expect(
    (await bundle(write('outer.ts', "export { default } from './inner.ts';"))).artifact.byteLength,
  ).toBeGreaterThan(0);
});

test('`readProject()` takes a manifest, a folder with one function, and a file', () => {
  writeProject('one');
  write('one/pilotfish.yaml', 'functions:\n  other-name: { entry: twice.ts }\n');
  const names = (path: string) => readProject(join(folder, path)).functions.map(({ spec }) => spec.name);
  expect(names('one')).toEqual(['other-name']);
  expect(names('one/pilotfish.yaml')).toEqual(['other-name']);
  expect(names('one/twice.ts')).toEqual(['twice']);
  expect(readProject(join(folder, 'one/twice.ts')).notes.join()).toContain(
    'pilotfish.yaml beside the file is not used',
  );
  cpSync(join(folder, 'one/twice.ts'), join(folder, 'two/twice.ts'), { recursive: true });
  write('two/twice.test.ts', '');
  expect(names('two')).toEqual(['twice']);
});

test.each([
  ['missing', undefined, 'not-found'],
  ['empty', 'empty/readme.md', 'invalid'],
  ['ambiguous', 'empty/a.ts', 'invalid'],
])('`readProject()` refuses a path that is %s', (what, file, code) => {
  if (file) write(file, '');
  if (what === 'ambiguous') write('empty/b.ts', '');
  expect(() => readProject(join(folder, 'empty'))).toThrow(expect.objectContaining({ code }));
});

test('a manifest whose entry is not there is refused', () => {
  write('m/pilotfish.yaml', 'functions:\n  a: { entry: nothing.ts }\n');
  expect(() => readProject(join(folder, 'm'))).toThrow(/there is no file "nothing.ts"/);
});

test('a command that names a script which is not there is told so: it may lie on the nodes', async () => {
  write(
    'c/pilotfish.yaml',
    'functions:\n  c: { command: [python3, ./here.py, gone.py, -x.py, /opt/there.py, "1.5"] }\n',
  );
  write('c/here.py', '');
  const { warnings, files } = await bundle(join(folder, 'c'));
  expect(files.map(({ path }) => path)).toEqual(['here.py']);
  expect(warnings).toEqual(['c: "gone.py" is no file beside the manifest, so it does not travel with the function']);
});

test('bundle and gateway agree on the largest artifact; what is larger is refused with its size', async () => {
  expect(bundleBytesMax).toBe(artifactBytesMax);
  write('big/pilotfish.yaml', 'functions:\n  big: { command: [python3, -V], files: [table.bin] }\n');
  truncateSync(write('big/table.bin', ''), bundleBytesMax + 1);
  const error = await refusal(join(folder, 'big'));
  expect(error).toMatchObject({ code: 'payload-too-large', message: expect.stringContaining('the limit is 64 MiB') });
});

test("a module as entry brings the map that lies beside it, as AssemblyScript's does; one that is none is told", async () => {
  const handler = 'export function handle(pointer: usize, length: i32): u64 { return 0; }\n';
  const compiled = await bundle(
    write('k.as.ts', `export function alloc(length: i32): usize { return 8; }\n${handler}`),
  );
  writeFileSync(join(folder, 'built.wasm'), compiled.artifact);
  expect((await bundle(join(folder, 'built.wasm'))).sourceMap).toHaveLength(0);
  writeFileSync(join(folder, 'built.wasm.map'), compiled.sourceMap);
  expect(Buffer.from((await bundle(join(folder, 'built.wasm'))).sourceMap).equals(compiled.sourceMap)).toBe(true);
  write('built.wasm.map', 'not JSON');
  const error = await refusal(join(folder, 'built.wasm'));
  expect(error).toMatchObject({
    code: 'invalid',
    message: expect.stringContaining('built.wasm.map beside it is no source map'),
  });
}, 30_000);

describe('a WASM kernel that a TypeScript function imports', () => {
  const kernel = Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 0, 11, 4, 110, 97, 109, 101, 1, 2, 3, 4, 5, 6]);
  const uses = (path: string) => `import kernel from '${path}';\nexport default { handle: () => String(kernel) };\n`;

  test('travels as a file of its own, named by its content, and is not in the script', async () => {
    writeFileSync(join(folder, 'kernel.wasm'), kernel);
    const one = await bundle(write('one.ts', uses('./kernel.wasm')));
    const two = await bundle(write('two.ts', `${uses('./kernel.wasm')}// another function, the same kernel`));
    expect(one.files).toMatchObject([{ path: 'kernel.wasm', digest: sha256Hex(kernel), bytes: kernel.length }]);
    expect(two.files[0]?.digest).toBe(one.files[0]?.digest);
    expect(Buffer.from(one.artifact).includes(Buffer.from(kernel).toString('base64').slice(0, 12))).toBe(false);
    writeFileSync(join(folder, 'kernel.wasm'), kernel.subarray(0, 8));
    const changed = await bundle(join(folder, 'one.ts'));
    expect(changed.artifactDigest).toBe(one.artifactDigest);
    expect(changed.digest).not.toBe(one.digest);
  });

  test('brings the source map that lies beside it', async () => {
    writeFileSync(join(folder, 'kernel.wasm'), kernel);
    const map = { version: 3, sources: ['kernel.c'], names: [], mappings: 'AAAA' };
    writeFileSync(join(folder, 'kernel.wasm.map'), JSON.stringify(map));
    const { sourceMap } = await bundle(write('one.ts', uses('./kernel.wasm')));
    expect(JSON.parse(Buffer.from(sourceMap).toString('utf8'))).toMatchObject({
      version: 3,
      x_pilotfish_modules: { 'kernel.wasm': map },
    });
  });

  test.each([
    ['has a map that is none', './mapped.wasm', 'mapped.wasm.map beside it is no source map'],
    ['is not there', './lost.wasm', 'no such file'],
    ['is cut off', './cut.wasm', 'not a WebAssembly module, or cut off'],
    ['does not compile', './wrong.as.ts', "Type 'i32' is not assignable"],
  ])('and %s is refused with the line of its import', async (_what, path, reason) => {
    writeFileSync(join(folder, 'cut.wasm'), kernel.subarray(0, kernel.length - 3));
    writeFileSync(join(folder, 'mapped.wasm'), kernel);
    writeFileSync(join(folder, 'mapped.wasm.map'), 'not JSON');
    write('wrong.as.ts', 'export function f(): void { const x: string = 3; }\n');
    const error = await refusal(write('function.ts', `\n${uses(path)}`));
    expect(error.code).toBe('invalid');
    expect(error.message).toMatch(/^function\.ts:2:20: /);
    expect(error.message).toContain(reason);
  });
});

describe('what a function may import', () => {
  const importing = (what: string) =>
    `import * as it from '${what}';\nexport default { handle: () => Object.keys(it) };\n`;

  test.each([
    ['node:child_process', 'instances may not start processes'],
    ['child_process', 'instances may not start processes'],
    ['node:worker_threads', 'instances may not start threads'],
    ['node:cluster', 'instances may not start processes'],
    ['node:wasi', 'WebAssembly.Module'],
    ['node:net', 'permissions: { net: true }'],
    ['node:https', 'permissions: { net: true }'],
    ['./addon.node', 'native add-on'],
    ['./missing.ts', 'Could not resolve'],
  ])('not %s: refused with file, line and column', async (what, reason) => {
    const error = await refusal(write('function.ts', importing(what)));
    expect(error.code).toBe('invalid');
    expect(error.message).toMatch(/^function\.ts:1:21: /);
    expect(error.message).toContain(reason);
  });

  test('but files, and the network once the manifest grants it', async () => {
    write('function.ts', importing('node:fs'));
    expect(await bundle(folder)).toMatchObject({ files: [] });
    write('function.ts', importing('node:http'));
    write('pilotfish.yaml', 'functions:\n  web: { entry: function.ts, permissions: { net: true } }\n');
    expect(await bundle(folder)).toMatchObject({ files: [] });
  });
});
