/** Small inputs that would become large, and names that would change what every object has. */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleFunction, parseManifest, readProject } from '#bundle';
import { connectionSchema } from '#model';
import { GetFunctionResponse, InvokeRequest } from '#proto';
import { readCloudEvent } from '#sdk';
import { checkWasmModule } from '#wasm-abi';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pilotfish-hostile-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const refused = { code: 'invalid' };

describe('a manifest', () => {
  it('whose aliases name aliases is refused, with its place', () => {
    const lines = ['a: &a [x, x, x, x, x, x, x, x, x]'];
    for (let level = 1; level < 9; level++) {
      const [name, below] = ['bcdefghij'[level - 1], 'abcdefghi'[level - 1]];
      lines.push(`${name}: &${name} [${Array.from({ length: 9 }, () => `*${below}`).join()}]`);
    }
    const before = process.memoryUsage().heapUsed;
    expect(() => parseManifest(`${lines.join('\n')}\nfunctions: *i\n`, 'pilotfish.yaml')).toThrow(/alias/i);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 2 ** 20);
  });

  it('of a gigabyte is refused before it is read', () => {
    const path = join(folder, 'pilotfish.yaml');
    writeFileSync(path, 'functions: {}\n');
    truncateSync(path, 2 ** 30);
    const before = process.memoryUsage.rss();
    expect(() => readProject(folder)).toThrow(expect.objectContaining(refused));
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 * 2 ** 20);
    rmSync(path);
  });

  it('that is nested as deep as it is long is refused or read, and not by the stack', () => {
    const deep = `functions: { f: { entry: f.ts, config: ${'{ a: '.repeat(5_000)}1${' }'.repeat(5_000)} } }`;
    expect(() => parseManifest(deep, 'pilotfish.yaml')).toThrow(expect.objectContaining(refused));
  });

  it.each(['__proto__', 'constructor', 'prototype'])('with the key %s pollutes nothing', (key) => {
    for (const text of [
      `functions: { f: { entry: f.ts, config: { ${key}: { polluted: yes }, deep: { ${key}: { polluted: yes } } } } }`,
      `functions: { ${key}: { polluted: yes } }`,
      `functions: { f: { entry: f.ts, placement: { labels: { ${key}: x } } } }`,
      `${key}: { polluted: yes }\nfunctions: {}`,
    ]) {
      try {
        for (const { spec } of parseManifest(text, 'pilotfish.yaml')) Object.assign({}, JSON.parse(spec.configJson));
      } catch (error) {
        expect(error).toMatchObject(refused);
      }
      expect({}).not.toHaveProperty('polluted');
    }
  });
});

describe('names that every object knows', () => {
  it('in JSON, in headers and in maps of gRPC stay names', () => {
    const evil = JSON.parse('{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}') as object;
    expect(connectionSchema.safeParse(evil).success).toBe(false);
    readCloudEvent(JSON.parse('{"ce-__proto__": "x", "ce-constructor": "y"}') as Record<string, string>);
    const headers = Object.fromEntries([
      ['__proto__', 'polluted'],
      ['a', 'b'],
    ]);
    const decoded = InvokeRequest.decode(
      InvokeRequest.encode(InvokeRequest.fromPartial({ function: 'f', headers })).finish(),
    );
    expect(decoded.headers['a']).toBe('b');
    const found = GetFunctionResponse.fromPartial({});
    expect(GetFunctionResponse.decode(GetFunctionResponse.encode(found).finish())).toEqual(found);
    expect({}).not.toHaveProperty('polluted');
  });
});

describe('a WASM module', () => {
  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  const leb = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)]);
  const section = (id: number, body: readonly number[]) => [id, ...leb(body.length), ...body];
  const text = (value: string) => [value.length, ...Buffer.from(value)];
  /** memory, alloc (i32) -> i32, handle (i32 i32) -> i64, all of it valid. */
  const module = (pages: readonly number[], functions = 2) =>
    Buffer.from([
      ...header,
      ...section(1, [2, 0x60, 1, 0x7f, 1, 0x7f, 0x60, 2, 0x7f, 0x7f, 1, 0x7e]),
      ...section(3, [...leb(functions), 0, ...Array.from({ length: functions - 1 }, () => 1)]),
      ...section(5, [1, ...pages]),
      ...section(7, [3, ...text('memory'), 2, 0, ...text('alloc'), 0, 0, ...text('handle'), 0, 1]),
      ...section(10, [
        ...leb(functions),
        ...[4, 0, 0x41, 0, 0x0b],
        ...Array.from({ length: functions - 1 }, () => [4, 0, 0x42, 0, 0x0b]).flat(),
      ]),
    ]);

  async function deploy(name: string, bytes: Uint8Array): Promise<unknown> {
    writeFileSync(join(folder, `${name}.wasm`), bytes);
    writeFileSync(join(folder, 'pilotfish.yaml'), `functions:\n  ${name}:\n    entry: ${name}.wasm\n`);
    const [one] = readProject(folder).functions;
    if (!one) throw new Error('no function');
    return await bundleFunction(one);
  }

  it('that is small and good is taken', async () => {
    expect(checkWasmModule(module([0, 1]))).toEqual([]);
    await expect(deploy('small', module([0, 1]))).resolves.toMatchObject({ spec: { kind: 'wasm' } });
  });

  it('of some bytes that begins with 4 GiB of memory is refused, with both figures', async () => {
    await expect(deploy('bomb', module([0, ...leb(65_536)]))).rejects.toMatchObject({
      ...refused,
      message: expect.stringMatching(/4\.?0* GiB.*256/),
    });
    await expect(deploy('bomb', module([1, 1, ...leb(32_768)]))).rejects.toMatchObject(refused);
  });

  it('with as many functions as V8 takes is looked at in bounded memory, and with more it is refused', () => {
    const [many, tooMany] = [module([0, 1], 200_000), module([0, 1], 1_000_001)];
    const before = process.memoryUsage.rss();
    expect(checkWasmModule(many)).toEqual([]);
    expect(checkWasmModule(tooMany)).toEqual([expect.stringContaining('V8 does not take it')]);
    expect(process.memoryUsage.rss() - before).toBeLessThan(512 * 2 ** 20);
  });

  it('that claims more entries than it has bytes is refused', () => {
    const lie = Buffer.from([...header, ...section(1, [0xff, 0xff, 0xff, 0xff, 0x0f])]);
    expect(checkWasmModule(lie)).toEqual([expect.stringContaining('cut off or damaged')]);
  });
});
