/** Numbers and times as people read them: short, of equal width, never more digits than mean something. */

export function countText(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size < 10_000) return Math.round(value).toLocaleString('en-US');
  if (size < 1e6) return `${trimmed(value / 1e3)} k`;
  return size < 1e9 ? `${trimmed(value / 1e6)} M` : `${trimmed(value / 1e9)} G`;
}

/** Events a second; a trickle is not nothing. */
export function rateText(perSecond: number): string {
  if (perSecond < 0 || !Number.isFinite(perSecond)) return '–';
  if (perSecond === 0) return '0';
  if (perSecond < 0.05) return '<0.1';
  return perSecond < 100 ? perSecond.toFixed(1) : countText(perSecond);
}

export function msText(ms: number): string {
  if (ms <= 0) return '–';
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  return ms < 60_000 ? `${(ms / 1_000).toFixed(1)} s` : spanText(ms);
}

/** "2 h 05 m": what is left of a walltime, or an age. */
export function spanText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} m ${pad(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${pad(minutes % 60)} m` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export function clockText(timeMs: number): string {
  return new Date(timeMs).toTimeString().slice(0, 8);
}

/** A pilot may be days old: what is not of today has its day, too. */
export function momentText(timeMs: number, nowMs: number = Date.now()): string {
  const then = new Date(timeMs);
  if (then.toDateString() === new Date(nowMs).toDateString()) return clockText(timeMs);
  return `${then.getDate()} ${then.toLocaleString('en', { month: 'short' })} ${clockText(timeMs)}`;
}

/** What the autoscaler says, as it is set in print: an arrow of two signs may be broken between them. */
export function reasonText(text: string): string {
  return text.replaceAll('->', '→');
}

/** A reason says what it comes to, and then perhaps what was done about it: for where the first stands anyway. */
export function withoutResult(reason: string, to: number): string {
  return reason.replace(new RegExp(` -> ${to}(?=;|$)`), '');
}

export function bytesText(bytes: number): string {
  if (bytes < 1_024) return `${bytes} B`;
  if (bytes < 2 ** 20) return `${(bytes / 1_024).toFixed(0)} KiB`;
  return bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toFixed(1)} MiB` : `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

/** n2 before n10. */
export const byName = new Intl.Collator('en', { numeric: true }).compare;

function trimmed(value: number): string {
  return value < 100 ? value.toFixed(1) : value.toFixed(0);
}

function pad(value: number): string {
  return String(value).padStart(2, '0');
}
