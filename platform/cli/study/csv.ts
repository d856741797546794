/** A study as a table for spreadsheets: one line a case. Text that a spreadsheet would take for a formula is made plain text. Pure. */
import type { CaseRecord } from './records.ts';

const columns: readonly (readonly [string, (record: CaseRecord) => string | number | null | undefined])[] = [
  ['study', ({ study }) => study],
  ['experiment', ({ experiment }) => experiment],
  ['pilot', ({ pilot }) => pilot],
  ['size', ({ size }) => size],
  ['producers', ({ producers }) => producers],
  ['instances', ({ instances }) => instances],
  ['repeat', ({ repeat }) => repeat],
  ['outcome', ({ outcome }) => outcome],
  ['messages', ({ messages }) => messages],
  ['message_bytes', ({ messageBytes }) => messageBytes],
  ['lost', ({ lost }) => lost],
  ['dead_letters', ({ deadLetters }) => deadLetters],
  ['source_per_second', ({ source }) => source?.perSecond],
  ['source_megabytes_per_second', ({ source }) => source?.megabytesPerSecond],
  ['start_up_ms', ({ startUpMs }) => startUpMs],
  ['handled_per_second', ({ measured }) => measured?.perSecond],
  ['handled_megabytes_per_second', ({ measured }) => measured?.megabytesPerSecond],
  ['latency_p50_ms', ({ measured }) => measured?.latencyMs.p50],
  ['latency_p95_ms', ({ measured }) => measured?.latencyMs.p95],
  ['latency_p99_ms', ({ measured }) => measured?.latencyMs.p99],
  ['queue_p50_ms', ({ measured }) => measured?.queueMs?.p50],
  ['service_p50_ms', ({ measured }) => measured?.serviceMs?.p50],
  ['started_at', ({ startedAt }) => startedAt],
  ['processor', ({ environment }) => environment['processor']],
  ['cores', ({ environment }) => environment['cores']],
];

export function toCsv(records: readonly CaseRecord[]): string {
  const lines = records.map((record) => columns.map(([, pick]) => csvCell(pick(record))).join(','));
  return `${[columns.map(([name]) => name).join(','), ...lines].join('\r\n')}\r\n`;
}

/** RFC 4180, and an apostrophe before what begins like a formula (OWASP, "CSV injection"); numbers stay numbers. */
export function csvCell(value: string | number | null | undefined): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : '';
  const plain = /^[\s]*[=+\-@|\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(plain) || plain !== value ? `"${plain.replaceAll('"', '""')}"` : plain;
}
