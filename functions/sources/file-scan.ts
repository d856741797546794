// A scan replayed from files (Data Exchange or NXtomo HDF5, TIFF pictures), one frame in memory at a time.
import { openScanFile } from '../formats/index.ts';
import { type FrameKind, type ScanMetadata, type ScanSource, scanFrames } from './frame.ts';

/** Opens the file; the caller closes the source. Throws `FormatError` (formats/) for files that cannot be read, or not rightly. */
export async function fileScan(path: string, { scan }: { readonly scan: string }): Promise<ScanSource> {
  const file = await openScanFile(path);
  const { rows, columns, dtype, counts, theta } = file;
  const metadata: ScanMetadata = { scan, rows, columns, dtype, counts, theta };
  const image = (kind: FrameKind, index: number): Uint8Array => {
    const values = file.readFrame(kind, index);
    return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  };
  return { metadata, image, frames: () => scanFrames(metadata, image), close: file.close };
}
