// `--set name=value` held against what a source declares: unknown names, wrong types and strange numbers are refused with what would be right.
import type { SettingValue, Source, SourceSettings } from './source.ts';

/** Thrown for what a user asked of a source and cannot have. */
export class SourceError extends Error {
  override readonly name = 'SourceError';
}

/** Every declared setting, from `given` ("name=value") or its default. Throws `SourceError`. */
export function resolveSettings(source: Source, given: readonly string[]): SourceSettings {
  const settings: Record<string, SettingValue> = Object.create(null);
  for (const [name, { default: value }] of Object.entries(source.settings)) settings[name] = value;
  const seen = new Set<string>();
  for (const text of given) {
    const at = text.indexOf('=');
    const name = at < 0 ? text : text.slice(0, at);
    if (at < 1) throw new SourceError(`"${text}" is no setting; write it like name=value`);
    if (!Object.hasOwn(source.settings, name)) {
      const known = Object.keys(source.settings).sort().join(', ');
      throw new SourceError(`there is no setting "${name}"; this source knows ${known === '' ? 'none' : known}`);
    }
    if (seen.has(name)) throw new SourceError(`the setting "${name}" is given twice`);
    seen.add(name);
    settings[name] = parseValue(name, text.slice(at + 1), source.settings[name]?.default);
  }
  return settings;
}

function parseValue(name: string, text: string, like: SettingValue | undefined): SettingValue {
  if (typeof like === 'string') return text;
  if (typeof like === 'boolean') {
    if (text === 'true' || text === 'false') return text === 'true';
    throw new SourceError(`${name} is "${text}"; give true or false`);
  }
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isFinite(value)) return value;
  throw new SourceError(`${name} is "${text}"; give a number`);
}

/** A whole number within bounds, or a `SourceError` that names the setting. */
export function wholeSetting(settings: SourceSettings, name: string, least: number, most: number): number {
  const value = settings[name];
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  throw new SourceError(`${name} is ${String(value)}; give a whole number from ${least} to ${most}`);
}

export function choiceSetting<Choice extends string>(
  settings: SourceSettings,
  name: string,
  choices: readonly Choice[],
): Choice {
  const found = choices.find((choice) => choice === settings[name]);
  if (found !== undefined) return found;
  throw new SourceError(`${name} is "${String(settings[name])}"; give one of ${choices.join(', ')}`);
}

/** One token of a subject. */
export function tokenSetting(settings: SourceSettings, name: string): string {
  const value = String(settings[name]);
  if (/^[A-Za-z0-9_-]{1,64}$/.test(value)) return value;
  throw new SourceError(`${name} is "${value}"; give 1 to 64 letters, digits, "-" and "_"`);
}
