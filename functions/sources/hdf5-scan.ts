// A scan replayed from a Data Exchange HDF5 file, one frame in memory at a time.
import { openDataExchange } from '../formats/index.ts';
import { endFrame, type Frame, frameKinds, type ScanMetadata, type ScanSource } from './frame.ts';

/** Opens the file; the caller closes the source. Throws `FormatError` (formats/) for files that cannot be read, or not rightly. */
export async function hdf5Scan(path: string, { scan }: { readonly scan: string }): Promise<ScanSource> {
  const file = await openDataExchange(path);
  const { rows, columns, dtype, counts, theta } = file;
  const metadata: ScanMetadata = { scan, rows, columns, dtype, counts, theta };

  function* frames(): Generator<Frame> {
    for (const kind of frameKinds) {
      for (let index = 0; index < counts[kind]; index++) {
        const values = file.readFrame(kind, index);
        const data = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
        yield {
          scan,
          kind,
          index,
          theta: kind === 'projection' ? theta[index] : undefined,
          rows,
          columns,
          dtype,
          data,
        };
      }
    }
    yield endFrame(metadata);
  }

  return { metadata, frames, close: file.close };
}
