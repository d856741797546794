// Sinograms as messages: line integrals of some detector rows over all angles, f32 (rows, angles, columns), ready to be reconstructed.
import { type FlatField, FrameMean, writeProjection } from '../kernels/scan/flat-field.ts';
import { frameValues, type ScanSource } from './frame.ts';
import { dtypeHeader, shapeHeader } from './frame-headers.ts';
import { SourceError } from './settings.ts';
import { firstRowHeader, thetasHeader, thetasText } from './sinogram-headers.ts';
import type { SourceMessage } from './source.ts';

/** A whole scan's line integrals are held while its sinograms are sent. */
const scanBytesMax = 2 ** 30;

const made = new WeakMap<ScanSource, Float32Array>();

/** Rows `firstRow` and following of a scan. Throws `SourceError` for a scan that is too large to be turned in memory. */
export function sinogramMessage(
  scan: ScanSource,
  firstRow: number,
  rowCount: number,
): Pick<SourceMessage, 'data' | 'headers'> {
  const { rows, columns, counts, theta } = scan.metadata;
  const angles = counts.projection;
  const bytes = rows * angles * columns * 4;
  if (bytes > scanBytesMax) {
    throw new SourceError(
      `the scan's line integrals are ${bytes} bytes, more than ${scanBytesMax}; send frames instead`,
    );
  }
  let lines = made.get(scan);
  if (!lines) {
    lines = lineIntegrals(scan);
    made.set(scan, lines);
  }
  const perRow = angles * columns;
  const values = lines.subarray(firstRow * perRow, (firstRow + rowCount) * perRow);
  return {
    data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
    headers: {
      [shapeHeader]: `${rowCount},${angles},${columns}`,
      [dtypeHeader]: 'f32',
      [thetasHeader]: thetasText(theta),
      [firstRowHeader]: String(firstRow),
    },
  };
}

function lineIntegrals(scan: ScanSource): Float32Array {
  const { rows, columns, counts, dtype } = scan.metadata;
  const values = (kind: 'dark' | 'flat' | 'projection', index: number) =>
    frameValues({ rows, columns, dtype, data: scan.image(kind, index) });
  const mean = (kind: 'dark' | 'flat'): Float32Array => {
    const sum = new FrameMean(rows * columns);
    for (let index = 0; index < counts[kind]; index++) sum.add(values(kind, index));
    return sum.mean();
  };
  const field: FlatField = { dark: mean('dark'), flat: mean('flat') };
  const shape = { slices: rows, angles: counts.projection, columns };
  const sinogram = new Float32Array(rows * counts.projection * columns);
  for (let angle = 0; angle < counts.projection; angle++) {
    writeProjection(sinogram, shape, { frame: values('projection', angle), angle, field });
  }
  return sinogram;
}
