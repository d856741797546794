// npy and png: round trips, refusals by name, and no crash on anything.

import { decode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import { decodeNpy, encodeNpy, encodePng, FormatError, type NpyValues } from '../../../functions/formats/index.ts';
import { fc } from '../../harness/properties.ts';

function header(dictionary: string, version = 1): Uint8Array {
  const text = new TextEncoder().encode(dictionary);
  return Uint8Array.from([
    0x93,
    0x4e,
    0x55,
    0x4d,
    0x50,
    0x59,
    version,
    0,
    text.length & 255,
    text.length >> 8,
    ...text,
  ]);
}

function codeOf(bytes: Uint8Array): string {
  try {
    decodeNpy(bytes, 'x.npy');
  } catch (error) {
    if (error instanceof FormatError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'read';
}

describe('npy', () => {
  it('round trip of every type and shape', () => {
    const kinds = [Float32Array, Float64Array, Int32Array, Uint16Array, Uint8Array] as const;
    const cases = fc.record({
      kind: fc.constantFrom(...kinds),
      shape: fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 }),
      buffer: fc.boolean(),
    });
    fc.assert(
      fc.property(cases, ({ kind, shape, buffer }) => {
        const count = shape.reduce((product, size) => product * size, 1);
        const values: NpyValues = new kind(Array.from({ length: count }, (_, i) => i * 3));
        const bytes = encodeNpy({ shape, values });
        expect((bytes.length - values.byteLength) % 64).toBe(0);
        const read = decodeNpy(buffer ? Buffer.from(bytes) : bytes);
        expect(read.shape).toEqual(shape);
        expect(read.values).toEqual(values);
        expect(read.values.constructor).toBe(kind);
      }),
    );
  });

  it("has NumPy's bytes", () => {
    const bytes = encodeNpy({ shape: [2], values: Float32Array.of(1, 2) });
    const text = new TextDecoder('latin1').decode(bytes.subarray(0, 128));
    expect(text.slice(10)).toMatch(/^\{'descr': '<f4', 'fortran_order': False, 'shape': \(2,\), \} +\n$/);
    expect([...bytes.subarray(0, 10)]).toEqual([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 118, 0]);
    expect([...bytes.subarray(128)]).toEqual([0, 0, 128, 63, 0, 0, 0, 64]);
  });

  it.each([
    ['another format', new TextEncoder().encode('hello, world'), /^not-this-format/],
    ['version 2.0', header('{}', 2), /^unsupported: .*version 2\.0/],
    ['big-endian values', header("{'descr': '>f4', 'fortran_order': False, 'shape': (0,), }"), /^unsupported: .*>f4/],
    ['complex values', header("{'descr': '<c8', 'fortran_order': False, 'shape': (0,), }"), /^unsupported: .*<c8/],
    ['Fortran order', header("{'descr': '<f4', 'fortran_order': True, 'shape': (0,), }"), /^unsupported: .*Fortran/],
    [
      'a structured array',
      header("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (0,), }"),
      /^unsupported: .*descr/,
    ],
    ['too few values', header("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }"), /^truncated: .*needs 12/],
    [
      'an impossible shape',
      header("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999), }"),
      /^shape/,
    ],
    ['a header cut short', header("{'descr'").subarray(0, 12), /^truncated/],
  ])('refuses %s', (_, bytes, message) => {
    expect(codeOf(bytes)).toMatch(message);
  });

  it('never fails in another way, whatever is changed or cut off', () => {
    const good = encodeNpy({ shape: [3, 2], values: Float32Array.of(1, 2, 3, 4, 5, 6) });
    const cases = fc.record({ length: fc.nat(good.length), at: fc.nat(good.length - 1), byte: fc.nat(255) });
    fc.assert(
      fc.property(cases, ({ length, at, byte }) => {
        const bytes = good.slice(0, length);
        bytes[Math.min(at, length)] = byte;
        expect(codeOf(bytes)).toMatch(/^(read|[a-z-]+: )/);
      }),
      { numRuns: 500 },
    );
  });

  it('does not write a shape that its values do not have', () => {
    expect(() => encodeNpy({ shape: [2, 2], values: new Float32Array(3) })).toThrow(/holds 4 values/);
  });
});

describe('encodePng()', () => {
  const ramp = Float32Array.from({ length: 256 }, (_, i) => i);

  it.each([8, 16] as const)('%i bits: a window maps linearly and clamps', (depth) => {
    const png = encodePng(ramp, { width: 16, height: 16, depth, window: { kind: 'fixed', low: 50, high: 152 } });
    const { width, height, channels, depth: readDepth, data } = decode(png);
    expect([width, height, channels, readDepth]).toEqual([16, 16, 1, depth]);
    const white = 2 ** depth - 1;
    expect([data[0], data[50], data[101], data[152], data[255]]).toEqual([0, 0, Math.round(white / 2), white, white]);
  });

  it('percentiles leave out the extremes; NaN and constant pictures are black', () => {
    const values = ramp.slice();
    values[0] = -1e6;
    values[255] = 1e6;
    const { data } = decode(
      encodePng(values, { width: 16, height: 16, window: { kind: 'percentile', low: 1, high: 99 } }),
    );
    expect(data[128]).toBeGreaterThan(120);
    expect(data[128]).toBeLessThan(136);
    const black = decode(encodePng(new Float32Array(4).fill(Number.NaN), { width: 2, height: 2 }));
    expect([...black.data]).toEqual([0, 0, 0, 0]);
    expect([...decode(encodePng(new Float32Array(4).fill(7), { width: 2, height: 2 })).data]).toEqual([0, 0, 0, 0]);
  });

  it('refuses sizes and windows that make no picture', () => {
    expect(() => encodePng(ramp, { width: 16, height: 15 })).toThrow(/not a picture of 16 x 15/);
    expect(() => encodePng(ramp, { width: 16, height: 16, window: { kind: 'fixed', low: 1, high: 1 } })).toThrow(
      /shows nothing/,
    );
    expect(() => encodePng(ramp, { width: 16, height: 16, window: { kind: 'percentile', low: 0, high: 101 } })).toThrow(
      /Percentiles/,
    );
  });
});
