// Messages of a size and nothing in them: what the way through a pilot costs, apart from what is done on it.
import { randomAt } from './random.ts';
import { choiceSetting, tokenSetting, wholeSetting } from './settings.ts';
import type { Source } from './source.ts';

/** A message on a stream is at most 16 MB with its headers. */
const bytesMax = 15_000_000;

export const synthetic: Source = {
  about: 'messages of a size, filled with zeros, random bytes or text',
  settings: {
    bytes: { about: 'size of a message', default: 1_024 },
    content: { about: 'zeros, random or text', default: 'random' },
    keys: { about: 'messages go round the subjects NAME.0, NAME.1, ...', default: 1 },
    name: { about: 'first token of the subject', default: 'synthetic' },
    seed: { about: 'of random bytes', default: 1 },
  },
  open: (settings) => {
    const bytes = wholeSetting(settings, 'bytes', 0, bytesMax);
    const keys = wholeSetting(settings, 'keys', 1, 65_536);
    const seed = wholeSetting(settings, 'seed', 0, 2 ** 31);
    const name = tokenSetting(settings, 'name');
    // One payload for all: the broker neither compresses nor compares them.
    const data = fill(bytes, choiceSetting(settings, 'content', ['zeros', 'random', 'text']), seed);
    return { message: (index) => ({ subject: `${name}.${index % keys}`, data }) };
  },
};

function fill(bytes: number, content: 'zeros' | 'random' | 'text', seed: number): Uint8Array {
  const data = new Uint8Array(bytes);
  if (content === 'zeros') return data;
  for (let i = 0; i < bytes; i++) {
    const random = randomAt(seed, i);
    data[i] = content === 'random' ? Math.floor(random * 256) : 97 + Math.floor(random * 26);
  }
  return data;
}
