// What a producer did with every place of the stream. Nothing is lost silently: made = sent + lost, and what was sent is stored or the run fails.

export interface ProducerReport {
  readonly producer: number;
  /** Messages asked of the source. */
  readonly made: number;
  /** Messages given to the stream, doubles included. */
  readonly sent: number;
  /** PubAcks of the stream. */
  readonly stored: number;
  readonly bytes: number;
  /** Injected. */
  readonly lost: number;
  readonly doubled: number;
  readonly disordered: number;
  readonly delayed: number;
  /** Places that were lost on purpose, the first of them. */
  readonly lostPlaces: readonly number[];
  /** Refusals of the stream after which a message was sent again. */
  readonly sentAgain: number;
  /** Messages that had to wait for room, or for answers. */
  readonly held: number;
  /** Milliseconds by which the schedule had to be moved because the stream held the producer up. */
  readonly slippedMs: number;
  /** Milliseconds since 1970 of the first message, and of the last PubAck. */
  readonly firstAtMs: number;
  readonly storedAtMs: number;
}

export interface SourceReport extends Omit<ProducerReport, 'producer'> {
  readonly run: string;
  readonly producers: number;
  readonly seconds: number;
  readonly messagesPerSecond: number;
  readonly megabytesPerSecond: number;
}

/** More places than these are counted, not listed. */
export const lostPlacesMax = 1_000;

export function mergeReports(run: string, reports: readonly ProducerReport[]): SourceReport {
  const sum = (pick: (report: ProducerReport) => number): number =>
    reports.reduce((total, report) => total + pick(report), 0);
  const firstAtMs = Math.min(...reports.map((report) => report.firstAtMs));
  const storedAtMs = Math.max(...reports.map((report) => report.storedAtMs));
  const seconds = Math.max(0, storedAtMs - firstAtMs) / 1_000;
  const perSecond = (value: number): number => (seconds > 0 ? value / seconds : 0);
  const stored = sum((report) => report.stored);
  const bytes = sum((report) => report.bytes);
  const places = reports.flatMap((report) => report.lostPlaces).sort((a, b) => a - b);
  return {
    run,
    producers: reports.length,
    made: sum((report) => report.made),
    sent: sum((report) => report.sent),
    stored,
    bytes,
    lost: sum((report) => report.lost),
    doubled: sum((report) => report.doubled),
    disordered: sum((report) => report.disordered),
    delayed: sum((report) => report.delayed),
    lostPlaces: places.slice(0, lostPlacesMax),
    sentAgain: sum((report) => report.sentAgain),
    held: sum((report) => report.held),
    slippedMs: Math.max(0, ...reports.map((report) => report.slippedMs)),
    firstAtMs,
    storedAtMs,
    seconds,
    messagesPerSecond: perSecond(stored),
    megabytesPerSecond: perSecond(bytes) / 1e6,
  };
}
