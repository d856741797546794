/** Durations ("30s", "1h30m") and sizes ("512MiB") as people write them; results in milliseconds and bytes. */
import { PlatformError } from './platform-error.ts';

const durationUnitsMs: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const sizeUnits: Record<string, number> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, kB: 1e3, MB: 1e6, GB: 1e9 };

/** Parses "250ms", "30s", "1h30m"; throws `invalid` naming the text. */
export function parseDurationMs(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== text) {
    throw new PlatformError('invalid', `"${text}" is not a duration`, {
      hint: 'Write it like 250ms, 30s, 5m or 1h30m.',
    });
  }
  return Math.round(parts.reduce((sum, part) => sum + Number(part[1]) * (durationUnitsMs[part[2] ?? ''] ?? 0), 0));
}

/** Parses "512MiB", "1.5GiB", "1048576"; throws `invalid` naming the text. */
export function parseSizeBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(B|KiB|MiB|GiB|kB|MB|GB)?$/.exec(text);
  if (!match) {
    throw new PlatformError('invalid', `"${text}" is not a size`, { hint: 'Write it like 64KiB, 512MiB or 2GiB.' });
  }
  return Math.round(Number(match[1]) * (sizeUnits[match[2] ?? 'B'] ?? 1));
}

/** "1.5 MiB", "320 B": for people. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes / 1024;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}

/** "12 ms", "3.4 s", "5m12s", "8h", "2d4h": for people, two units at most. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m${seconds % 60}s`;
  const minutes = Math.round(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours}h` : `${hours}h${minutes % 60}m`;
  return hours % 24 === 0 ? `${hours / 24}d` : `${Math.floor(hours / 24)}d${hours % 24}h`;
}

/** "once", "7 times". */
export function formatTimes(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

/** "1 call", "2 calls", "12,345 calls": `what` is one of them. */
export function formatCount(count: number, what: string): string {
  return `${Math.round(count).toLocaleString('en-US')} ${what}${count === 1 ? '' : 's'}`;
}
