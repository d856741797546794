/** A study as a table for spreadsheets: one line a case. Pure. */
import { csvCell } from '../output/csv-cell.ts';
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
