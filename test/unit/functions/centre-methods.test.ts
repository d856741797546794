// Vo's method and phase correlation: TomoPy's test data, the phantom with axes off the middle, the tooth.
import { describe, expect, it } from 'vitest';
import { findCentreByPhase, findCentreVo, InputError } from '../../../functions/kernels/index.ts';
import { readScanFile } from '../../../functions/offline/read-scan.ts';
import { hasOracles, hasTooth, missingReason, readOracle, toothPath } from './oracle-data.ts';
import { evenAngles, phantomInput, roughNoise, seededRandom } from './scans.ts';

describe.skipIf(!hasOracles)(`on TomoPy's data (${missingReason})`, () => {
  it("Vo's method", () => {
    const { shape, values } = readOracle('sinogram');
    const [angles = 0, slices = 0, columns = 0] = shape;
    const centre = findCentreVo({ sinogram: values, slices, angles, columns, theta: evenAngles(angles) });
    expect(Math.abs(centre - 44.75) / 44.75).toBeLessThan(0.25);
  });

  it('phase correlation of a projection with its mirror image, moved by 19.75 columns', () => {
    const { shape, values } = readOracle('projection');
    const [rows = 0, columns = 0] = shape;
    const opposite = Float32Array.from({ length: rows * columns }, (_, i) => {
      const at = Math.max(0, Math.min(columns - 2, columns - 1 - (i % columns) + 19.75));
      const left = Math.floor(i / columns) * columns + Math.floor(at);
      const value = values[left] as number;
      return value + (at % 1) * ((values[left + 1] as number) - value);
    });
    const centre = findCentreByPhase({ first: values, opposite, columns });
    expect(Math.abs(centre - 73.375)).toBeLessThan(0.1);
  });
});

describe.each([64, 57.3, 70.6])('axis at %s of 128 columns', (centre) => {
  const random = seededRandom(4);
  const input = phantomInput({ columns: 128, theta: evenAngles(120), centre, scale: 0.75 });
  const scan = { ...input, sinogram: input.sinogram.map((value) => value + 0.1 * roughNoise(random)) };

  it("Vo's method", () => {
    expect(Math.abs(findCentreVo(scan) - centre)).toBeLessThan(0.5);
  });

  it('phase correlation', () => {
    const pair = phantomInput({ columns: 128, theta: Float64Array.of(0, Math.PI), centre, scale: 0.75 }).sinogram;
    const found = findCentreByPhase({ first: pair.slice(0, 128), opposite: pair.slice(128), columns: 128 });
    expect(Math.abs(found - centre)).toBeLessThan(0.3);
  });
});

describe.skipIf(!hasTooth)(`the tooth (${missingReason})`, () => {
  it("Vo's method finds its axis", async () => {
    expect(Math.abs(findCentreVo(await readScanFile(toothPath)) - 296.3)).toBeLessThan(1);
  });
});

describe('bad input', () => {
  it('is told', () => {
    const turn = phantomInput({ columns: 32, theta: evenAngles(30, 1) });
    expect(() => findCentreVo(turn)).toThrow(/span 360.0 degrees/);
    const empty = new Float32Array(64);
    expect(() => findCentreByPhase({ first: empty, opposite: empty, columns: 32 })).toThrow(InputError);
    expect(() => findCentreByPhase({ first: empty, opposite: empty, columns: 5 })).toThrow(/rows x 5 columns/);
  });
});
