// Filtered back-projection against the truth and against GridRec, which it equals but for its interpolation.
import { describe, expect, it } from 'vitest';
import { reconstruct, reconstructFbp } from '../../../functions/kernels/index.ts';
import { drawEllipses, measureQuality, relativeL2, sheppLogan } from '../../../functions/phantom/index.ts';
import { evenAngles, phantomInput, shrunkPhantom } from './scans.ts';

describe('reconstructFbp()', () => {
  it.each([
    { columns: 128, theta: evenAngles(180), centre: 64, psnr: 30 },
    { columns: 128, theta: evenAngles(360, 1), centre: 64, psnr: 30 },
  ])('$columns columns, centre $centre: PSNR of at least $psnr dB', ({ columns, theta, centre, psnr }) => {
    const image = reconstructFbp(phantomInput({ columns, theta, centre }));
    const truth = drawEllipses(sheppLogan, columns);
    expect(measureQuality(image, truth, { columns }).psnr).toBeGreaterThan(psnr);
  });

  it.each([
    { columns: 96, centre: 48, filter: 'shepp' },
    { columns: 96, centre: 40.3, filter: 'hann' },
    { columns: 95, centre: 50.1, filter: 'cosine' },
  ])('close to accurate GridRec: $columns columns, centre $centre, $filter', ({ columns, centre, filter }) => {
    const input = { ...phantomInput({ columns, theta: evenAngles(150), centre, scale: 0.7 }), filter };
    const gridrec = reconstruct({ ...input, mode: 'accurate', filterParameters: [1, 8] });
    const fbp = reconstructFbp({ ...input, filterParameters: [1, 8] });
    expect(relativeL2(fbp, gridrec)).toBeLessThan(0.1);
    const truth = drawEllipses(shrunkPhantom(0.7), columns);
    const quality = (image: Float32Array): number => measureQuality(image, truth, { columns }).psnr;
    expect(quality(fbp)).toBeGreaterThan(quality(gridrec) - 2);
  });
});
