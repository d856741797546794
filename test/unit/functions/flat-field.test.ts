// Flat-field correction against TomoPy's, and a phantom scan all the way: counts, line integrals, picture, truth.
import { describe, expect, it } from 'vitest';
import {
  FrameMean,
  InputError,
  minusLog,
  normalise,
  reconstruct,
  writeProjection,
} from '../../../functions/kernels/index.ts';
import { measureQuality, phantomRow, projectEllipses, relativeL2 } from '../../../functions/phantom/index.ts';
import { frameValues, phantomScan } from '../../../functions/sources/index.ts';
import { hasOracles, missingReason, readOracle } from './oracle-data.ts';

/** Gathers a scan as the function does: means of darks and flats, then one projection at a time. */
function gather(scan: ReturnType<typeof phantomScan>): Float32Array {
  const { rows, columns, counts } = scan.metadata;
  const [dark, flat] = [new FrameMean(rows * columns), new FrameMean(rows * columns)];
  const shape = { slices: rows, angles: counts.projection, columns };
  const sinogram = new Float32Array(rows * counts.projection * columns);
  for (const frame of scan.frames()) {
    if (frame.kind === 'dark') dark.add(frameValues(frame));
    if (frame.kind === 'flat') flat.add(frameValues(frame));
    if (frame.kind === 'projection') {
      const field = { dark: dark.mean(), flat: flat.mean() };
      writeProjection(sinogram, shape, { frame: frameValues(frame), angle: frame.index, field });
    }
  }
  return sinogram;
}

describe.skipIf(!hasOracles)(`normalise() equals TomoPy (${missingReason})`, () => {
  it('tomo, flat, dark -> normalize', () => {
    const [tomo, flats, darks] = [readOracle('tomo'), readOracle('flat'), readOracle('dark')];
    const [angles = 0, rows = 0, columns = 0] = tomo.shape;
    const mean = ({ values }: { readonly values: Float32Array }): Float32Array => {
      const sum = new FrameMean(rows * columns);
      for (let at = 0; at < values.length; at += rows * columns) sum.add(values.subarray(at, at + rows * columns));
      return sum.mean();
    };
    const field = { dark: mean(darks), flat: mean(flats) };
    const result = new Float32Array(tomo.values.length);
    for (let angle = 0; angle < angles; angle++) {
      const at = angle * rows * columns;
      normalise(tomo.values.subarray(at, at + rows * columns), field, result, at);
    }
    expect(relativeL2(result, readOracle('normalize').values)).toBeLessThan(1e-5);
  });
});

describe('flat-field correction', () => {
  it('guards against pixels without beam and against the logarithm of nothing', () => {
    const out = new Float32Array(3);
    normalise(
      Uint16Array.of(10, 60, 110),
      { dark: Float32Array.of(10, 10, 10), flat: Float32Array.of(10, 110, 110) },
      out,
    );
    expect([...out]).toEqual([0, 0.5, 1]);
    minusLog(out);
    expect(out[0]).toBeCloseTo(-Math.log(1e-6), 4);
    expect(out[1]).toBeCloseTo(Math.LN2, 6);
    expect(out[2]).toBeCloseTo(0, 12);
  });

  it('says what does not fit', () => {
    const field = { dark: new Float32Array(4), flat: new Float32Array(4) };
    expect(() => normalise(new Float32Array(3), field, new Float32Array(3))).toThrow(/dark has 4 values where 3/);
    expect(() => new FrameMean(4).mean()).toThrow(InputError);
    expect(() => new FrameMean(4).add(new Uint16Array(5))).toThrow(/5 values where 4/);
    const shape = { slices: 1, angles: 2, columns: 4 };
    const frame = new Float32Array(4);
    expect(() => writeProjection(new Float32Array(8), shape, { frame, angle: 2, field })).toThrow(
      /Projection 2 does not exist/,
    );
  });

  it('gives a phantom scan its line integrals back, whatever gain and offset each pixel has', () => {
    const scan = phantomScan({ scan: 'a', rows: 3, columns: 64, angles: 20, seed: 4 });
    const sinogram = gather(scan);
    for (let row = 0; row < 3; row++) {
      const exact = projectEllipses(phantomRow(row, 3), { columns: 64, theta: scan.metadata.theta });
      const lines = sinogram.subarray(row * 20 * 64, (row + 1) * 20 * 64).map((value) => value / scan.truthScale);
      expect(relativeL2(lines, exact)).toBeLessThan(1e-3);
    }
  });

  it('a phantom scan of 16 rows x 256 columns x 180 angles comes out at >= 34 dB in every row looked at', () => {
    const scan = phantomScan({ scan: 'b', rows: 16, columns: 256, angles: 180, seed: 1 });
    const sinogram = gather(scan);
    const slices = reconstruct({ sinogram, slices: 16, angles: 180, columns: 256, theta: scan.metadata.theta });
    for (const row of [0, 7, 15]) {
      const slice = slices.subarray(row * 256 * 256, (row + 1) * 256 * 256);
      expect(measureQuality(slice, scan.truth(row), { columns: 256, scale: scan.truthScale }).psnr).toBeGreaterThan(34);
    }
  });
});
