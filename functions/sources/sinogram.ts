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
  const { columns, counts, theta } = scan.metadata;
  const angles = counts.projection;
  assertSize(scan);
  const lines = made.get(scan) ?? makeAtOnce(scan);
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

function assertSize({ metadata: { rows, columns, counts } }: ScanSource): void {
  const bytes = rows * counts.projection * columns * 4;
  if (bytes <= scanBytesMax) return;
  throw new SourceError(`the scan's line integrals are ${bytes} bytes, more than ${scanBytesMax}; send frames instead`);
}

/** Makes what `sinogramMessage` needs, and pauses after each frame for whoever does something else meanwhile. */
export async function prepareSinograms(scan: ScanSource, pause: () => Promise<void>): Promise<void> {
  assertSize(scan);
  const steps = lineIntegrals(scan);
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done) return void made.set(scan, step.value);
    await pause();
  }
}

function makeAtOnce(scan: ScanSource): Float32Array {
  const steps = lineIntegrals(scan);
  let step = steps.next();
  while (!step.done) step = steps.next();
  made.set(scan, step.value);
  return step.value;
}

/** Frame by frame. */
function* lineIntegrals(scan: ScanSource): Generator<void, Float32Array> {
  const { rows, columns, counts, dtype } = scan.metadata;
  const values = (kind: 'dark' | 'flat' | 'projection', index: number) =>
    frameValues({ rows, columns, dtype, data: scan.image(kind, index) });
  const means = { dark: new FrameMean(rows * columns), flat: new FrameMean(rows * columns) };
  for (const kind of ['dark', 'flat'] as const) {
    for (let index = 0; index < counts[kind]; index++) yield means[kind].add(values(kind, index));
  }
  const field: FlatField = { dark: means.dark.mean(), flat: means.flat.mean() };
  const shape = { slices: rows, angles: counts.projection, columns };
  const sinogram = new Float32Array(rows * counts.projection * columns);
  for (let angle = 0; angle < counts.projection; angle++) {
    yield writeProjection(sinogram, shape, { frame: values('projection', angle), angle, field });
  }
  return sinogram;
}
