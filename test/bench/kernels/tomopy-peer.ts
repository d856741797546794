/** A Python process with TomoPy in it, asked for one run at a time. */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { decodeNpy, encodeNpy } from '../../../functions/formats/index.ts';
import { circularMask } from '../../../functions/kernels/index.ts';
import { relativeL2 } from '../../../functions/phantom/index.ts';
import type { KernelCase } from './cases.ts';

const script = join(import.meta.dirname, '../baseline/tomopy-peer.py');

export interface TomopyPeer {
  readonly version: string;
  /** CPU seconds of one run, the best of some. */
  run(subject: KernelCase): Promise<number>;
  /**
   * How far the peer's last result is from ours, in the circle that the detector sees: where a side is a power of two, TomoPy's GridRec
   * reads the correction of the first row and the last column from behind its table.
   */
  distance(ours: Float32Array, subject: KernelCase): number;
  close(): void;
}

/** Throws when `python` has no TomoPy. */
export async function startTomopy(python: string, folder: string): Promise<TomopyPeer> {
  const env = { ...process.env, OMP_NUM_THREADS: '1', MKL_NUM_THREADS: '1', TOMOPY_PSTREAM_THREADS: '1' };
  const child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'inherit'], env });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (): Promise<Record<string, unknown>> => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${python} ended: is TomoPy installed there?`);
    return JSON.parse(value) as Record<string, unknown>;
  };
  const out = join(folder, 'tomopy.npy');
  const { version } = await answer();
  return {
    version: String(version),
    run: async ({ algorithm, scan, iterations, repeats, name }) => {
      const sinogram = join(folder, `${name}.npy`);
      const shape = [scan.slices, scan.angles, scan.columns];
      writeFileSync(sinogram, encodeNpy({ shape, values: scan.sinogram }));
      const request = { sinogram, out, algorithm, iterations, repeats, columns: scan.columns };
      child.stdin.write(`${JSON.stringify(request)}\n`);
      return Number((await answer())['seconds']);
    },
    distance: (ours, { scan }) => {
      const grid = { rows: scan.columns, columns: scan.columns };
      const [mine, theirs] = [ours, decodeNpy(readFileSync(out), out).values].map((values) =>
        Float32Array.from(values),
      );
      for (const values of [mine, theirs]) circularMask(values as Float32Array, grid, 0.95);
      return relativeL2(mine as Float32Array, theirs as Float32Array);
    },
    close: () => void child.kill(),
  };
}
