// Points drawn round hidden centres, a batch a message: the k-means mini-app's input. The centres may drift from message to message.
import { normalAt, randomAt } from './random.ts';
import { choiceSetting, SourceError, tokenSetting, wholeSetting } from './settings.ts';
import type { Source, SourceMessage, SourceSettings } from './source.ts';

export const pointShapeHeader = 'Pilotfish-Shape';
export const pointDtypeHeader = 'Pilotfish-Dtype';

const valuesMax = 3_000_000;
/** Different batches that are made once and sent in turn, while nothing drifts: making points must not be what limits the rate. */
const distinctMax = 64;

export const kmeansPoints: Source = {
  about: 'batches of points round hidden centres, for k-means',
  settings: {
    points: { about: 'points a message', default: 5_000 },
    dimensions: { about: 'numbers a point', default: 3 },
    centres: { about: 'hidden centres', default: 10 },
    spread: { about: 'standard deviation round a centre; centres lie in [0, 1]', default: 0.05 },
    drift: { about: 'how far a centre moves from message to message', default: 0 },
    encoding: { about: 'f32, f64, or text (one point a line)', default: 'f32' },
    keys: { about: 'messages go round the subjects NAME.0, NAME.1, ...', default: 1 },
    name: { about: 'first token of the subject', default: 'points' },
    seed: { about: 'of centres and points', default: 1 },
  },
  open: (settings) => {
    const made = new Map<number, SourceMessage['data']>();
    const options = resolve(settings);
    const { points, dimensions, encoding, keys, name, drift } = options;
    const headers = { [pointShapeHeader]: `${points},${dimensions}`, [pointDtypeHeader]: encoding };
    return {
      message: (index) => {
        const batch = drift === 0 ? index % distinctMax : index;
        const data = made.get(batch) ?? encode(drawPoints(options, batch), dimensions, encoding);
        if (drift === 0) made.set(batch, data);
        return { subject: `${name}.${index % keys}`, data, headers };
      },
    };
  },
};

export interface PointOptions {
  readonly points: number;
  readonly dimensions: number;
  readonly centres: number;
  readonly spread: number;
  readonly drift: number;
  readonly seed: number;
}

function resolve(settings: SourceSettings) {
  const points = wholeSetting(settings, 'points', 1, valuesMax);
  const dimensions = wholeSetting(settings, 'dimensions', 1, 4_096);
  if (points * dimensions > valuesMax) {
    throw new SourceError(
      `${points} points of ${dimensions} numbers are more than ${valuesMax} a message; send fewer at a time`,
    );
  }
  const spread = Number(settings['spread']);
  if (!(spread >= 0)) throw new SourceError(`spread is ${spread}; give a number from 0`);
  return {
    points,
    dimensions,
    spread,
    centres: wholeSetting(settings, 'centres', 1, 8_192),
    drift: Number(settings['drift']),
    encoding: choiceSetting(settings, 'encoding', ['f32', 'f64', 'text']),
    keys: wholeSetting(settings, 'keys', 1, 65_536),
    name: tokenSetting(settings, 'name'),
    seed: wholeSetting(settings, 'seed', 0, 2 ** 31),
  };
}

/** Coordinate `axis` of a hidden centre at message `batch`. */
export function hiddenCentre({ seed, drift }: PointOptions, centre: number, axis: number, batch: number): number {
  return randomAt(seed, centre * 4_096 + axis, 17) + drift * batch;
}

/** points x dimensions. */
function drawPoints(options: PointOptions, batch: number): Float64Array {
  const { points, dimensions, centres, spread, seed } = options;
  const values = new Float64Array(points * dimensions);
  for (let point = 0; point < points; point++) {
    const place = batch * points + point;
    const centre = Math.floor(randomAt(seed, place, 18) * centres);
    for (let axis = 0; axis < dimensions; axis++) {
      const noise = spread * normalAt(seed, place * dimensions + axis, 10);
      values[point * dimensions + axis] = hiddenCentre(options, centre, axis, batch) + noise;
    }
  }
  return values;
}

function encode(values: Float64Array, dimensions: number, encoding: 'f32' | 'f64' | 'text'): SourceMessage['data'] {
  if (encoding === 'f64') return new Uint8Array(values.buffer);
  if (encoding === 'f32') return new Uint8Array(Float32Array.from(values).buffer);
  const lines: string[] = [];
  for (let at = 0; at < values.length; at += dimensions) lines.push(values.subarray(at, at + dimensions).join(' '));
  return `${lines.join('\n')}\n`;
}
