// Vo's method and phase correlation: TomoPy's test data, the phantom with axes off the middle, the tooth.
import { describe, expect, it } from 'vitest';
import {
  findCentreByPhase,
  findCentreVo,
  InputError,
  isWholeInView,
  type OppositeProjections,
  oppositeProjections,
} from '../../../functions/kernels/index.ts';
import { readScanFile } from '../../../functions/offline/read-scan.ts';
import { fc } from '../../harness/properties.ts';
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

describe('phase correlation of noisy projections', () => {
  const columns = 256;
  const seedAndPlace = fc.tuple(fc.nat(1e6), fc.double({ min: 0.4, max: 0.6, noNaN: true }));

  /** Rows of one slice half a turn (less `short` degrees) apart, each with noise of its own: parts of the brightest line integral. */
  function noisyPair(
    { seed, centre, scale }: { seed: number; centre: number; scale: number },
    { noise, rows }: { noise: number; rows: number },
  ): OppositeProjections {
    const random = seededRandom(seed);
    const start = 3 * random();
    const theta = Float64Array.of(start, start + (Math.PI * 179) / 180);
    const pair = phantomInput({ columns, theta, centre, scale }).sinogram;
    const top = pair.reduce((most, value) => Math.max(most, value), 0);
    const stack = (from: number) =>
      Float32Array.from({ length: rows * columns }, (_, i) => {
        const value = pair[from + (i % columns)] as number;
        return value + 2 * noise * top * roughNoise(random);
      });
    return { first: stack(0), opposite: stack(columns), columns };
  }

  // Measured over 40 draws each: the largest errors were 0.12, 0.43 and 0.22 columns. One line of noise of 10 % was 1.0 off before.
  it.each([
    [0.03, 1, 0.4],
    [0.1, 1, 1.2],
    [0.1, 16, 0.6],
  ])('noise of %s in %s rows: within %s columns', (noise, rows, within) => {
    fc.assert(
      fc.property(seedAndPlace, ([seed, part]) => {
        const centre = columns * part;
        const found = findCentreByPhase(noisyPair({ seed, centre, scale: 0.75 }, { noise, rows }));
        expect(Math.abs(found - centre)).toBeLessThan(within);
      }),
      { numRuns: 40 },
    );
  });

  it('a sample that leaves the view: one line in fifty deceives it, where once every other one did', () => {
    const random = seededRandom(11);
    const draws = Array.from({ length: 100 }, (_, seed) => {
      const centre = columns * (0.47 + 0.06 * random());
      const pair = noisyPair({ seed: seed * 7919, centre, scale: 1.2 }, { noise: 0, rows: 1 });
      return Math.abs(findCentreByPhase(pair) - centre);
    });
    expect(draws.filter((error) => error < 1).length).toBeGreaterThan(90);
    const inView = noisyPair({ seed: 1, centre: 128, scale: 0.75 }, { noise: 0.1, rows: 4 });
    const outOfView = noisyPair({ seed: 1, centre: 128, scale: 1.5 }, { noise: 0.1, rows: 4 });
    expect([inView, outOfView].map(isWholeInView)).toEqual([true, false]);
  });

  it('many pairs of a whole turn make up for noise that hides the axis from one', () => {
    const centre = 119.3;
    const theta = evenAngles(120, 1);
    const clean = phantomInput({ columns, theta, centre, scale: 0.75 });
    const top = clean.sinogram.reduce((most, value) => Math.max(most, value), 0);
    const random = seededRandom(7);
    const sinogram = clean.sinogram.map((value) => value + 0.6 * top * roughNoise(random));
    const pairs = oppositeProjections({ ...clean, sinogram });
    expect(pairs.first.length).toBe(60 * columns);
    expect(Math.abs(findCentreByPhase(pairs) - centre)).toBeLessThan(1);
  });
});

describe('oppositeProjections()', () => {
  const scanOf = (theta: Float64Array) => phantomInput({ columns: 16, theta });

  it('takes the only pair of half a turn, whatever the order of the angles', () => {
    const { first, opposite } = oppositeProjections(scanOf(Float64Array.of(2, 3.13, 0, 1)));
    const { sinogram } = scanOf(Float64Array.of(0, 3.13));
    expect(first).toEqual(sinogram.slice(0, 16));
    expect(opposite).toEqual(sinogram.slice(16));
  });

  it('refuses a scan without one', () => {
    expect(() => oppositeProjections(scanOf(evenAngles(10)))).toThrow('the nearest are 162.0 degrees apart');
  });
});

describe.skipIf(!hasTooth)(`the tooth (${missingReason})`, () => {
  it("Vo's method and phase correlation find its axis", async () => {
    const scan = await readScanFile(toothPath);
    expect(Math.abs(findCentreVo(scan) - 296.3)).toBeLessThan(1);
    expect(Math.abs(findCentreByPhase(oppositeProjections(scan)) - 296.3)).toBeLessThan(1.5);
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
