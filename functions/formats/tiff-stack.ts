// Scans as TIFF pictures: one file of many pages, or a folder with one picture a frame. Darks and flats are known by their names (dark*, flat*
// or white*), everything else is a projection, in order of names. Angles stand in theta.txt (degrees, one a line) or are spread over half a turn.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { decode, pageCount, type TiffIfd } from 'tiff';
import { FormatError } from './errors.ts';
import type { FrameStack, FrameValues, ScanFile } from './scan-frames.ts';

/** A file is decoded from memory; larger stacks are split into one file a frame, or converted to HDF5. */
const fileBytesMax = 2 ** 31 - 1;
const framesMax = 65_536;
const sideMax = 65_536;

interface Place {
  readonly file: string;
  readonly page: number;
}

/** Throws `FormatError` for what is no TIFF, has pictures of several sizes, or values that are not grey. The caller closes the result. */
export function openTiffStack(path: string): ScanFile {
  const isFolder = statSync(path).isDirectory();
  const places = isFolder ? placesInFolder(path) : { projection: pagesOf(path), dark: [], flat: [] };
  const first = places.projection[0];
  if (!first) throw new FormatError('missing', `${path} has no picture that is a projection.`);
  const { width, height, data } = readPage(first);
  const integer = data instanceof Uint16Array || data instanceof Uint8Array;
  const theta = readAngles(isFolder ? path : dirname(path), places.projection.length);
  const close = (): void => undefined;
  return {
    rows: height,
    columns: width,
    dtype: integer ? 'u16' : 'f32',
    counts: { dark: places.dark.length, flat: places.flat.length, projection: places.projection.length },
    theta,
    readFrame: (stack, index) => {
      const place = places[stack][index];
      if (!place) throw new RangeError(`There is no ${stack} frame ${index}; ${path} has ${places[stack].length}.`);
      const page = readPage(place);
      if (page.width !== width || page.height !== height) {
        const sizes = `${page.height} x ${page.width}, the first one ${height} x ${width}`;
        throw new FormatError('shape', `${place.file} page ${place.page} is ${sizes}; all frames need one size.`);
      }
      return toFrame(page.data, integer);
    },
    close,
    [Symbol.dispose]: close,
  };
}

function placesInFolder(folder: string): Record<FrameStack, Place[]> {
  const places: Record<FrameStack, Place[]> = { dark: [], flat: [], projection: [] };
  const byNumber = new Intl.Collator('en', { numeric: true });
  const names = readdirSync(folder).filter((name) => /\.tiff?$/i.test(name));
  for (const name of names.sort(byNumber.compare)) {
    const stack = /^dark/i.test(name) ? 'dark' : /^(?:flat|white)/i.test(name) ? 'flat' : 'projection';
    // Counting the pages of each would read all of them; a folder holds one picture a file.
    places[stack].push({ file: join(folder, name), page: 0 });
    if (places[stack].length > framesMax)
      throw new FormatError('unsupported', `${folder} has more than ${framesMax} frames.`);
  }
  return places;
}

function pagesOf(file: string): Place[] {
  const bytes = readBytes(file);
  const pages = attempt(file, () => pageCount(bytes));
  if (pages < 1) throw new FormatError('not-this-format', `${file} has no picture.`);
  if (pages > framesMax)
    throw new FormatError('unsupported', `${file} has ${pages} pictures; ${framesMax} are read at most.`);
  return Array.from({ length: pages }, (_, page) => ({ file, page }));
}

function readPage({ file, page }: Place): TiffIfd {
  const bytes = readBytes(file);
  const [picture] = attempt(file, () => {
    const [ifd] = decode(bytes, { pages: [page], ignoreImageData: true });
    assertSides(ifd, file, page);
    return decode(bytes, { pages: [page] });
  });
  if (!picture) throw new FormatError('truncated', `${file} has no page ${page}.`);
  const { samplesPerPixel, width, height, data } = picture;
  if (samplesPerPixel !== 1) {
    throw new FormatError(
      'unsupported',
      `${file} page ${page} has ${samplesPerPixel} values a pixel; only grey pictures are read.`,
    );
  }
  if (data.length !== width * height) {
    throw new FormatError('truncated', `${file} page ${page} has ${data.length} of ${width * height} pixels.`);
  }
  return picture;
}

/** Before anything of that size is allocated: a damaged header may claim any. */
function assertSides(ifd: TiffIfd | undefined, file: string, page: number): void {
  const { width = 0, height = 0 } = ifd ?? {};
  const possible =
    width >= 1 && height >= 1 && width <= sideMax && height <= sideMax && width * height <= fileBytesMax / 4;
  if (!possible) throw new FormatError('shape', `${file} page ${page} claims to be ${height} x ${width}.`);
}

/** The last file read is kept: a stack of many pages is asked for page by page. */
let last: { readonly file: string; readonly mtimeMs: number; readonly bytes: Uint8Array } | undefined;

function readBytes(file: string): Uint8Array {
  const { size, mtimeMs } = statSync(file);
  if (last?.file === file && last.mtimeMs === mtimeMs) return last.bytes;
  if (size > fileBytesMax) {
    throw new FormatError(
      'unsupported',
      `${basename(file)} has ${size} bytes; save one picture a frame, or convert it to HDF5.`,
    );
  }
  const bytes = new Uint8Array(readFileSync(file));
  last = { file, mtimeMs, bytes };
  return bytes;
}

function toFrame(data: TiffIfd['data'], integer: boolean): FrameValues {
  return integer ? Uint16Array.from(data) : Float32Array.from(data);
}

/** theta.txt beside the pictures, in degrees; else evenly over half a turn, end excluded. */
function readAngles(folder: string, count: number): Float64Array {
  const file = join(folder, 'theta.txt');
  if (!existsSync(file)) return Float64Array.from({ length: count }, (_, i) => (Math.PI * i) / count);
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '');
  if (lines.length !== count) {
    throw new FormatError('shape', `${file} has ${lines.length} angles for ${count} projections.`);
  }
  return Float64Array.from(lines, (line, at) => {
    const radians = (Number(line) * Math.PI) / 180;
    if (Number.isFinite(radians)) return radians;
    throw new FormatError('shape', `${file}: angle ${at} is "${line.slice(0, 40)}".`);
  });
}

function attempt<Result>(file: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (error instanceof FormatError) throw error;
    const text = error instanceof Error ? error.message : String(error);
    throw new FormatError('not-this-format', `${file} cannot be read as TIFF: ${text}`, { cause: error });
  }
}
