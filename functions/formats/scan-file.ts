// A scan that lies in files: Data Exchange (hdf5.ts) or NXtomo (nxtomo.ts) in HDF5, or TIFF pictures (tiff-stack.ts). Which one it is, its
// content says.
import { statSync } from 'node:fs';
import { FormatError } from './errors.ts';
import { describeDataExchange } from './hdf5.ts';
import { findDataset, openHdf5 } from './hdf5-file.ts';
import { describeNxTomo, findNxTomo } from './nxtomo.ts';
import type { ScanFile } from './scan-frames.ts';
import { openTiffStack } from './tiff-stack.ts';

/**
 * Opens a scan of any layout that is known here. Throws `FormatError` for what cannot be read, or not rightly. The caller owns the result
 * and closes it.
 */
export async function openScanFile(path: string): Promise<ScanFile> {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) throw new FormatError('missing', `${path} cannot be opened: there is no such file or folder.`);
  if (stat.isDirectory() || /\.tiff?$/i.test(path)) return openTiffStack(path);
  const file = await openHdf5(path);
  try {
    if (findDataset(file, '/exchange/data', path)) return describeDataExchange(file, path);
    const nxtomo = findNxTomo(file, path);
    if (nxtomo) return describeNxTomo(file, nxtomo, path);
    throw new FormatError(
      'missing',
      `${path} has neither /exchange/data (Data Exchange) nor a detector with data and image_key (NXtomo).`,
    );
  } catch (error) {
    file.close();
    throw error;
  }
}
