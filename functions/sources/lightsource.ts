// A detector: scans of the phantom or of a file, sent as it would send them (frames, then an end marker), or cut into sinograms as a
// reconstruction wants them. Scan after scan, each with a name of its own.

import { setImmediate } from 'node:timers/promises';
import { angleOrders, scanOrder } from './angle-order.ts';
import { fileScan } from './file-scan.ts';
import { endFrame, type Frame, frameKinds, imageFrame, type ScanSource } from './frame.ts';
import { frameHeaders } from './frame-headers.ts';
import { phantomScan } from './phantom-scan.ts';
import { choiceSetting, SourceError, wholeSetting } from './settings.ts';
import { prepareSinograms, sinogramMessage } from './sinogram.ts';
import type { OpenSource, Source, SourceMessage, SourceSettings } from './source.ts';

/** Frames kept once made: a phantom is dearer to make than to send, and every scan shows the same. */
const cacheBytesMax = 512 * 2 ** 20;

export const lightsource: Source = {
  about: 'scans of a phantom or a file, as a tomography detector sends them',
  settings: {
    file: { about: 'replay this scan (Data Exchange, NXtomo, TIFF) instead of the phantom', default: '' },
    rows: { about: 'detector rows of the phantom', default: 16 },
    columns: { about: 'detector columns of the phantom', default: 256 },
    angles: { about: 'projections of a phantom scan', default: 180 },
    fields: { about: 'darks, and flats, of a phantom scan', default: 10 },
    turn: { about: 'degrees of a phantom scan, end excluded: 180 or 360', default: 180 },
    order: { about: `order of the angles: ${angleOrders.join(', ')}`, default: 'linear' },
    centre: { about: 'rotation axis of the phantom in columns (default: the middle)', default: Number.NaN },
    noise: { about: 'photon noise in the phantom', default: false },
    dtype: { about: 'u16, f32, or as they are', default: 'native' },
    send: { about: 'frames, or sinograms (line integrals, f32)', default: 'frames' },
    chunk: { about: 'rows of a sinogram message', default: 1 },
    scans: { about: 'how many scans; 0: until the run ends', default: 1 },
    name: { about: 'begins the names of the scans (default: the run)', default: '' },
    prepare: { about: 'make a scan before the first message is sent (up to 512 MB are kept)', default: false },
    seed: { about: 'of the phantom', default: 1 },
  },
  open: async (settings, { run, signal }) => {
    const name = String(settings['name']) || run;
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(name))
      throw new SourceError(`name is "${name}"; give letters, digits, "-" and "_"`);
    const scan = await openScan(settings);
    const send = choiceSetting(settings, 'send', ['frames', 'sinograms']);
    const scans = wholeSetting(settings, 'scans', 0, 1_000_000);
    const single = send === 'frames' ? frameMessages(scan, settings) : sinogramMessages(scan, settings);
    if (settings['prepare'] === true) await prepare(scan, send === 'sinograms', single, signal);
    return {
      count: scans === 0 ? undefined : scans * single.length,
      message: (index) => {
        const number = Math.floor(index / single.length);
        return single.make(index % single.length, scans === 1 ? name : `${name}-${number}`);
      },
      close: scan.close,
    } satisfies OpenSource;
  },
};

/** May take half a minute: signals and connections of the process are looked after in between. */
async function prepare(
  scan: ScanSource,
  asSinograms: boolean,
  messages: ScanMessages,
  signal: AbortSignal | undefined,
): Promise<void> {
  const pause = async (): Promise<void> => {
    await setImmediate();
    signal?.throwIfAborted();
  };
  if (asSinograms) await prepareSinograms(scan, pause);
  for (let place = 0; place < messages.length; place++) {
    messages.make(place, 'scan');
    await pause();
  }
}

/** The messages of one scan, by place; the scan's name comes last, because all scans are the same. */
interface ScanMessages {
  readonly length: number;
  make(place: number, scan: string): SourceMessage;
}

async function openScan(settings: SourceSettings): Promise<ScanSource> {
  const file = String(settings['file']);
  if (file !== '') return await fileScan(file, { scan: 'scan' });
  const angles = wholeSetting(settings, 'angles', 1, 65_000);
  const turn = Number(settings['turn']);
  if (turn !== 180 && turn !== 360) throw new SourceError(`turn is ${turn}; give 180 or 360`);
  const columns = wholeSetting(settings, 'columns', 2, 16_384);
  const centre = Number(settings['centre']);
  if (!Number.isNaN(centre) && !(centre >= 0 && centre <= columns)) {
    throw new SourceError(`centre is ${centre}; give a column from 0 to ${columns}`);
  }
  const fields = wholeSetting(settings, 'fields', 1, 1_000);
  return phantomScan({
    scan: 'scan',
    rows: wholeSetting(settings, 'rows', 1, 16_384),
    columns,
    angles,
    theta: Float64Array.from({ length: angles }, (_, i) => (((turn * Math.PI) / 180) * i) / angles),
    darks: fields,
    flats: fields,
    centre: Number.isNaN(centre) ? undefined : centre,
    noise: settings['noise'] === true,
    seed: wholeSetting(settings, 'seed', 0, 2 ** 31),
  });
}

function frameMessages(scan: ScanSource, settings: SourceSettings): ScanMessages {
  const { metadata } = scan;
  const dtype = choiceSetting(settings, 'dtype', ['native', 'u16', 'f32']);
  if (dtype === 'u16' && metadata.dtype === 'f32') {
    throw new SourceError('dtype is u16, but the file holds f32; give f32 or native');
  }
  const order = scanOrder(String(settings['order']), metadata.counts.projection);
  const places = [
    ...frameKinds.flatMap((kind) => {
      const indexes = kind === 'projection' ? order : Uint32Array.from({ length: metadata.counts[kind] }, (_, i) => i);
      return Array.from(indexes, (index) => ({ kind, index }));
    }),
    undefined,
  ];
  const kept = new FrameCache((place) => {
    const at = places[place];
    return at ? convert(imageFrame(metadata, scan.image, at.kind, at.index), dtype) : endFrame(metadata);
  });
  return {
    length: places.length,
    make: (place, name) => {
      const frame = kept.get(place);
      const part = frame.kind === 'end' ? 'end' : `${frame.kind}.${frame.index}`;
      return {
        subject: `scan.${name}.frame`,
        data: frame.data,
        headers: frameHeaders(frame),
        id: `${name}.${part}`,
        spared: frame.kind === 'end',
      };
    },
  };
}

function sinogramMessages(scan: ScanSource, settings: SourceSettings): ScanMessages {
  const { rows } = scan.metadata;
  const chunk = Math.min(rows, wholeSetting(settings, 'chunk', 1, 16_384));
  const kept = new Map<number, Omit<SourceMessage, 'subject' | 'id'>>();
  return {
    length: Math.ceil(rows / chunk),
    make: (place, name) => {
      const made = kept.get(place) ?? sinogramMessage(scan, place * chunk, Math.min(chunk, rows - place * chunk));
      kept.set(place, made);
      return { ...made, subject: `sinogram.${name}.${place}`, id: `${name}.sinogram.${place}` };
    },
  };
}

function convert(frame: Frame, dtype: 'native' | 'u16' | 'f32'): Frame {
  if (dtype !== 'f32' || frame.dtype === 'f32') return frame;
  const { buffer, byteOffset, byteLength } = new Uint8Array(frame.data);
  const values = Float32Array.from(new Uint16Array(buffer, byteOffset, byteLength / 2));
  return { ...frame, dtype, data: new Uint8Array(values.buffer) };
}

class FrameCache {
  readonly #make: (place: number) => Frame;
  readonly #frames = new Map<number, Frame>();
  #bytes = 0;

  constructor(make: (place: number) => Frame) {
    this.#make = make;
  }

  get(place: number): Frame {
    const kept = this.#frames.get(place);
    if (kept) return kept;
    const frame = this.#make(place);
    if (this.#bytes + frame.data.byteLength <= cacheBytesMax) {
      this.#bytes += frame.data.byteLength;
      this.#frames.set(place, frame);
    }
    return frame;
  }
}
