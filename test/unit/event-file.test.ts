/** Events as files: arrays that NumPy reads, names that stay in their folder. */
import { expect, it } from 'vitest';
import { decodeNpy } from '../../functions/formats/index.ts';
import { eventFile } from '../../platform/cli/output/event-file.ts';
import { fc } from '../harness/properties.ts';

const bytesOf = (values: Float32Array | Uint16Array | Float64Array) => new Uint8Array(values.buffer);

it.each([
  ['f32', [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6)],
  ['u16', [4], Uint16Array.of(1, 2, 3, 65_535)],
  ['f64', [1, 1, 2], Float64Array.of(-1, 1e300)],
] as const)('%s of %o', (dtype, shape, values) => {
  const headers = { 'Pilotfish-Dtype': dtype, 'Pilotfish-Shape': shape.join(',') };
  const { name, bytes } = eventFile('slices.fly.0', headers, bytesOf(values));
  expect(name).toBe('slices.fly.0.npy');
  expect(decodeNpy(bytes)).toEqual({ shape, values });
});

it('writes as it is what is no array, or another than its headers say', () => {
  const payload = Buffer.from('{"a":1}');
  for (const headers of [
    {},
    { 'Pilotfish-Dtype': 'f32' },
    { 'Pilotfish-Dtype': 'f32', 'Pilotfish-Shape': '9' },
    { 'Pilotfish-Dtype': 'f16', 'Pilotfish-Shape': '7' },
    { 'Pilotfish-Dtype': 'u8', 'Pilotfish-Shape': '7,' },
  ])
    expect(eventFile('a.b', headers, payload)).toEqual({ name: 'a.b', bytes: payload });
});

it('names files that stay in their folder, whatever the subject', () => {
  fc.assert(
    fc.property(fc.string(), (subject) => {
      const { name } = eventFile(subject, {}, new Uint8Array(0));
      expect(name).toMatch(/^[\w-]?[\w.-]*$/);
      expect(name.startsWith('..')).toBe(false);
    }),
  );
});
