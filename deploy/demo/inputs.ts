/** What the demo replays: phantom scans with known truth, or one scan from a file. */
import { basename } from 'node:path';
import { hdf5Scan, type PhantomScan, phantomScan, type ScanSource } from '../../functions/sources/index.ts';
import type { DemoOptions } from './options.ts';

export interface DemoInput {
  readonly scan: ScanSource;
  /** Undefined where nobody knows the truth. */
  readonly phantom: PhantomScan | undefined;
}

export async function openInputs(options: DemoOptions): Promise<DemoInput[]> {
  if (options.input !== undefined) {
    // The file's name becomes a subject's token.
    const name =
      basename(options.input)
        .replace(/\.[^.]*$/, '')
        .replace(/[^A-Za-z0-9_-]/g, '-') || 'scan';
    return [{ scan: await hdf5Scan(options.input, { scan: name }), phantom: undefined }];
  }
  const { rows, size, angles } = options;
  return Array.from({ length: options.scans }, (_, index) => {
    const phantom = phantomScan({ scan: String(index + 1), rows, columns: size, angles, seed: index + 1 });
    return { scan: phantom, phantom };
  });
}
