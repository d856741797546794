// A reconstructed slice as an event: f32 values, and headers that say what they are and where they come from.
import { type FunctionIdentity, Output } from 'pilotfish/sdk';
import type { GridShape } from '../kernels/index.ts';
import { dtypeHeader, shapeHeader } from '../sources/frame-headers.ts';

/** What a result was made of, and by whom. */
export interface Provenance {
  readonly function: FunctionIdentity;
  /** Rotation axis in columns; where it is from: found ("entropy"), configured ("config"), or nowhere ("middle"). */
  readonly centre: { readonly value: number; readonly from: string };
  /** Frames of all kinds that went into it, and those that should have. */
  readonly frames: number;
  readonly missing: number;
  /** Algorithm and parameters, such as "gridrec mode=accurate filter=shepp". */
  readonly recon: string;
  /** What looks like a mistake in the input, in sentences. */
  readonly doubts?: readonly string[] | undefined;
  /** What the handler took, for those that measure a pilot: latency without it is time in queues. */
  readonly tookMs?: number;
}

export function sliceOutput(values: Float32Array, subject: string, grid: GridShape, provenance: Provenance): Output {
  const { function: made, centre, frames, missing, recon, doubts = [], tookMs } = provenance;
  return new Output(values, {
    subject,
    headers: {
      [shapeHeader]: `${grid.rows},${grid.columns}`,
      [dtypeHeader]: 'f32',
      'Pilotfish-Centre': String(centre.value),
      'Pilotfish-Centre-From': centre.from,
      'Pilotfish-Frames': String(frames),
      'Pilotfish-Missing': String(missing),
      'Pilotfish-Node': made.node,
      'Pilotfish-Instance': made.instance,
      'Pilotfish-Function': `${made.name}@${made.version}`,
      'Pilotfish-Recon': recon,
      ...(doubts.length === 0 ? {} : { 'Pilotfish-Doubts': doubts.join(' ') }),
      ...(tookMs === undefined ? {} : { 'Pilotfish-Took': tookMs.toFixed(3) }),
    },
  });
}
