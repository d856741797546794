/** Writes slices as pictures and arrays, and measures them where the truth is known. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeNpy, encodePng } from '../../functions/formats/index.ts';
import { measureQuality } from '../../functions/phantom/index.ts';
import type { PhantomScan } from '../../functions/sources/index.ts';
import type { DemoInput } from './inputs.ts';
import type { SeenSlice } from './observer.ts';

export interface SliceRecord {
  readonly scan: string;
  readonly row: number;
  readonly columns: number;
  readonly centre: number;
  readonly centreFrom: string;
  readonly node: string;
  readonly files: readonly string[];
}

export class SliceWriter {
  readonly records: SliceRecord[] = [];
  readonly #out: string;
  readonly #inputs: readonly DemoInput[];
  readonly #named: boolean;
  readonly #unmeasured: { readonly slice: SeenSlice; readonly phantom: PhantomScan }[] = [];

  constructor(out: string, inputs: readonly DemoInput[], fromFile: boolean) {
    mkdirSync(out, { recursive: true });
    this.#out = out;
    this.#inputs = inputs;
    this.#named = !fromFile;
  }

  write(slice: SeenSlice): SliceRecord {
    const { scan, row, columns, values, headers } = slice;
    const name = this.#named ? `slice-${scan}-${row}` : `slice-${row}`;
    const phantom = this.#inputs.find((input) => input.scan.metadata.scan === scan)?.phantom;
    const scale = phantom?.truthScale ?? 1;
    const files = [`${name}.npy`, `${name}.png`].map((file) => join(this.#out, file));
    writeFileSync(files[0] ?? '', encodeNpy({ shape: [columns, columns], values }));
    // The phantom's soft tissue lies between 0.1 and 0.4; a file's window is found from its values.
    const window = phantom
      ? ({ kind: 'fixed', low: 0, high: 0.5 * scale } as const)
      : ({ kind: 'percentile', low: 1, high: 99.5 } as const);
    writeFileSync(files[1] ?? '', encodePng(values, { width: columns, height: columns, window }));
    const record: SliceRecord = {
      scan,
      row,
      columns,
      centre: Number(headers['Pilotfish-Centre']),
      centreFrom: headers['Pilotfish-Centre-From'] ?? '',
      node: headers['Pilotfish-Node'] ?? '',
      files,
    };
    this.records.push(record);
    if (phantom) this.#unmeasured.push({ slice, phantom });
    return record;
  }

  /** PSNR of every slice whose truth is known, dB. Slow, so done when the stream has ended. */
  measure(): number[] {
    const truths = new Map<string, Float32Array>();
    return this.#unmeasured.map(({ slice: { row, columns, values }, phantom }) => {
      // Scans of one shape have one truth a row: it is drawn once.
      const key = `${phantom.metadata.rows} ${columns} ${row}`;
      const truth = truths.get(key) ?? phantom.truth(row);
      truths.set(key, truth);
      return measureQuality(values, truth, { columns, scale: phantom.truthScale }).psnr;
    });
  }
}
