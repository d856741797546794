/** What the demo replays: phantom scans with known truth, or one scan from a file. And where its slices go. */
import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { messageOf, PlatformError } from '#common';
import { FormatError } from '../../functions/formats/index.ts';
import { fileScan, type PhantomScan, phantomScan, type ScanSource } from '../../functions/sources/index.ts';
import { columnsMax, type DemoOptions } from './options.ts';

export interface DemoInput {
  readonly scan: ScanSource;
  /** Undefined where nobody knows the truth. */
  readonly phantom: PhantomScan | undefined;
}

/** Throws `not-found` or `invalid` for a file that cannot be read, `usage` for an axis beside the detector. The caller closes the scans. */
export async function openInputs(options: DemoOptions): Promise<DemoInput[]> {
  const inputs =
    options.input === undefined ? phantoms(options) : [{ scan: await openFile(options.input), phantom: undefined }];
  const columns = inputs[0]?.scan.metadata.columns ?? 0;
  if (options.centre !== undefined && options.centre > columns - 1) {
    throw new PlatformError('usage', `--centre is ${options.centre}; the scan has the columns 0 to ${columns - 1}`);
  }
  return inputs;
}

/** Before anything is started: nobody wants to wait for slices that cannot be written. Throws `usage`. */
export function prepareOut(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true });
    accessSync(directory, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new PlatformError('usage', `--out is "${directory}", which cannot be written to: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function phantoms({ scans, rows, size, angles }: DemoOptions): DemoInput[] {
  return Array.from({ length: scans }, (_, index) => {
    const phantom = phantomScan({ scan: String(index + 1), rows, columns: size, angles, seed: index + 1 });
    return { scan: phantom, phantom };
  });
}

async function openFile(path: string): Promise<ScanSource> {
  if (!statSync(path, { throwIfNoEntry: false })?.isFile())
    throw new PlatformError('not-found', `--input is "${path}", and there is no such file`);
  // The file's name becomes a subject's token.
  const name =
    basename(path)
      .replace(/\.[^.]*$/, '')
      .replace(/[^A-Za-z0-9_-]/g, '-') || 'scan';
  const scan = await fileScan(path, { scan: name }).catch((error: unknown) => {
    if (error instanceof FormatError) throw new PlatformError('invalid', error.message, { cause: error });
    throw error;
  });
  const { columns } = scan.metadata;
  if (columns <= columnsMax) return scan;
  scan.close();
  throw new PlatformError(
    'invalid',
    `${path} has ${columns} columns; slices of up to ${columnsMax} fit into one message`,
  );
}
