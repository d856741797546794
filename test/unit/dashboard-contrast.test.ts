/** The dashboard's colours: text can be read and lines can be told from their ground (WCAG 2.2, 1.4.3 and 1.4.11), light and dark. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const style = readFileSync(join(import.meta.dirname, '../../platform/dashboard/style.css'), 'utf8');

const names = [...style.matchAll(/--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);/g)];
const light = Object.fromEntries(names.map(([, name = '', colour = '']) => [name, colour]));
const dark = Object.fromEntries(names.map(([, name = '', , colour = '']) => [name, colour]));

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(a: string, b: string): number {
  const [low = 0, high = 0] = [luminance(a), luminance(b)].sort((one, other) => one - other);
  return (high + 0.05) / (low + 0.05);
}

function mixed(colour: string, ground: string, share: number): string {
  const part = (of: string, at: number) => Number.parseInt(of.slice(at, at + 2), 16);
  const parts = [1, 3, 5].map((at) => Math.round(part(colour, at) * share + part(ground, at) * (1 - share)));
  return `#${parts.map((value) => value.toString(16).padStart(2, '0')).join('')}`;
}

it('the ruler is right', () => {
  expect(contrast('#000000', '#ffffff')).toBeCloseTo(21);
  expect(contrast('#777777', '#ffffff')).toBeCloseTo(4.48, 2);
});

it('each colour is said once, for both themes', () => {
  expect(names.length).toBeGreaterThan(20);
  expect(Object.keys(light)).toHaveLength(names.length);
  expect(style.match(/--[\w-]+: #/g)).toBeNull();
});

describe.each([
  ['light', light],
  ['dark', dark],
])('%s', (_, theme) => {
  const grounds = [theme['paper'] ?? '', theme['card'] ?? ''];
  const least = (names: readonly string[]) =>
    names.map((name) => [name, Math.min(...grounds.map((ground) => contrast(theme[name] ?? '', ground)))] as const);

  it('text has 4.5 to 1', () => {
    const names = ['ink', 'ink-2', 'ink-3', 'accent', 'good', 'bad', 'warn'];
    expect(least(names).filter(([, ratio]) => ratio < 4.5)).toEqual([]);
  });

  it('the letters of a slot have 4.5 to 1 on its own tint, and on it where it is full', () => {
    const tint = Number(
      /\.slot\.ready \{\s*background: color-mix\(in srgb, var\(--slot\) (\d+)%, transparent\)/.exec(style)?.[1],
    );
    const card = theme['card'] ?? '';
    const low = Array.from({ length: 9 }, (_, at) => theme[`c${at}`] ?? '').filter(
      (colour) => contrast(colour, mixed(colour, card, tint / 100)) < 4.5 || contrast(colour, card) < 4.5,
    );
    expect(low).toEqual([]);
  });

  it('lines and marks have 3 to 1', () => {
    const names = Object.keys(theme).filter((name) => /^(line-|c)\d$/.test(name));
    expect(names).toHaveLength(13);
    expect(least(names).filter(([, ratio]) => ratio < 3)).toEqual([]);
  });
});
