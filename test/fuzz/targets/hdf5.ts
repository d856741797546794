/** HDF5 files with damage: a scan, or a `FormatError`. The library lives in one WASM memory, so what one file breaks must not reach the next. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FormatError, openDataExchange } from '../../../functions/formats/index.ts';
import { dataExchangeFixture } from '../../fixtures/data-exchange.ts';
import { fc } from '../../harness/properties.ts';
import { type FuzzTarget, mutated } from '../fuzz.ts';

async function read(path: string): Promise<Float32Array | Uint16Array> {
  using scan = await openDataExchange(path);
  if (scan.theta.some((angle) => !Number.isFinite(angle))) throw new Error('an angle is not finite');
  return scan.readFrame('projection', scan.counts.projection - 1);
}

export const hdf5: FuzzTarget = {
  name: 'hdf5',
  runs: 250,
  async open() {
    const folder = mkdtempSync(join(tmpdir(), 'pilotfish-fuzz-'));
    let files = 0;
    const intact = join(folder, 'intact.h5');
    writeFileSync(intact, dataExchangeFixture('plain'));
    const good = [dataExchangeFixture('plain'), dataExchangeFixture('deflate')];
    return {
      property: fc.asyncProperty(mutated(good), async (bytes) => {
        // A file each: HDF5 knows them by inode, and one that was damaged stays so for the process.
        const path = join(folder, `${files++}.h5`);
        writeFileSync(path, bytes);
        await read(path).catch((error: unknown) => {
          if (!(error instanceof FormatError)) throw error;
        });
        const frame = await read(intact);
        if (frame.length !== 128 || frame[0] !== 3_000) throw new Error('a good file is read wrongly now');
      }),
      close: () => rmSync(folder, { recursive: true, force: true }),
    };
  },
};
