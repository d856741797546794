/** Text that goes into a job script. Pure. */
import { PlatformError } from '#common';

/** One word of a POSIX shell, whatever it holds. */
export function shellQuote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A value that becomes part of a directive: a line break would add a line of its own. */
export function directiveValue(name: string, value: string): string {
  if (value !== '' && !/\p{Cc}/u.test(value)) return value;
  throw new PlatformError('usage', `${name} is ${JSON.stringify(value)}: it must be one line of text`);
}

/** 3661000 -> "1:01:01"; up to the next whole unit, because a job must not be given less than was asked. */
export function clockText(ms: number, unitMs = 1_000): string {
  const seconds = (Math.ceil(ms / unitMs) * unitMs) / 1_000;
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  return `${Math.floor(seconds / 3_600)}:${two((seconds % 3_600) / 60)}:${two(seconds % 60)}`;
}

export function mebibytes(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}
