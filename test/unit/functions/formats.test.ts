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
    ['version 4.0', header('{}', 4), /^unsupported: .*version 4\.0/],
    ['text', header("{'descr': '<U3', 'fortran_order': False, 'shape': (0,), }"), /^unsupported: .*<U3/],
    ['objects', header("{'descr': '|O', 'fortran_order': False, 'shape': (0,), }"), /^unsupported: .*\|O/],
    ['complex values', header("{'descr': '<c8', 'fortran_order': False, 'shape': (0,), }"), /^unsupported: .*<c8/],
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

  /** As numpy.save writes it. */
  const saved = (descr: string, shape: string, hex: string, fortran = 'False', version = 1): Uint8Array => {
    const text = `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': (${shape}), }`;
    const start = header(text, version);
    // From version 2.0 on the length has four bytes.
    const head = version === 1 ? start : Buffer.concat([start.subarray(0, 10), Buffer.alloc(2), start.subarray(10)]);
    return Buffer.concat([head, Buffer.from(hex, 'hex')]);
  };

  it.each([
    ['<f2', '003c00c0', [1, -2]],
    ['>f4', '3f800000c0000000', [1, -2]],
    ['>f8', '3ff0000000000000c000000000000000', [1, -2]],
    ['|i1', '01fe', [1, -2]],
    ['<i2', '0100feff', [1, -2]],
    ['>i2', '0001fffe', [1, -2]],
    ['>i4', '00000001fffffffe', [1, -2]],
    ['<i8', '0100000000000000feffffffffffffff', [1, -2]],
    ['>u2', '0001fffe', [1, 65_534]],
    ['<u4', '01000000feffffff', [1, 4_294_967_294]],
    ['>u8', '00000000000000010000000100000000', [1, 4_294_967_296]],
    ['|b1', '0100', [1, 0]],
    ['=f4', '0000803f000000c0', [1, -2]],
  ])('reads %s', (descr, hex, expected) => {
    expect([...decodeNpy(saved(descr, '2,', hex)).values]).toEqual(expected);
  });

  it('reads versions 2.0 and 3.0, and what Python 2 wrote', () => {
    for (const bytes of [
      saved('<u2', '2,', '01000200', 'False', 2),
      saved('<u2', '2,', '01000200', 'False', 3),
      saved('<u2', '2L,', '01000200'),
    ])
      expect(decodeNpy(bytes)).toEqual({ shape: [2], values: Uint16Array.of(1, 2) });
  });

  it('reads Fortran order', () => {
    const shapes = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(shapes, (shape) => {
        const count = shape.reduce((product, size) => product * size, 1);
        // Each value tells where it belongs.
        const stored = Uint16Array.from({ length: count }, (_, at) => {
          let rest = at;
          const place = shape.map((size) => {
            const index = rest % size;
            rest = Math.floor(rest / size);
            return index;
          });
          return place.reduce((sum, index, axis) => sum * (shape[axis] as number) + index, 0);
        });
        const bytes = saved('<u2', `${shape.join(',')},`, Buffer.from(stored.buffer).toString('hex'), 'True');
        expect([...decodeNpy(bytes).values]).toEqual(Array.from({ length: count }, (_, at) => at));
      }),
    );
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
