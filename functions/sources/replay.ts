// Sends scans frame by frame at a rate; several scans overlap in time. Whoever calls brings the connection.
import type { Frame, ScanSource } from './frame.ts';
import { frameHeaders } from './frame-headers.ts';
import { createPacer, type PacerClock } from './pacer.ts';

export interface OutgoingFrame {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers: Record<string, string>;
  /** The same at every replay of the same scan: the stream drops a frame sent twice. */
  readonly id: string;
}

export interface ReplayOptions {
  /** Frames a second, all scans together. */
  readonly rate: number;
  readonly clock: PacerClock;
  readonly signal?: AbortSignal;
  /** The subject of a scan's frames. */
  readonly subjectOf: (scan: string) => string;
  /** Resolves when the next frame may be sent: a full stream slows the replay down. */
  readonly publish: (frame: OutgoingFrame) => Promise<void>;
}

export interface ReplayReport {
  /** Frames sent, end markers not counted. */
  readonly frames: number;
  readonly seconds: number;
  /** Milliseconds by which the schedule had to be moved because the stream held the replay up. */
  readonly slippedMs: number;
}

/** A scan starts when the one before it is this far: they overlap, as on a beamline with several detectors. */
const startShare = 0.25;

/** Sends all frames of all scans; each scan's own frames stay in order. */
export async function replayScans(scans: readonly ScanSource[], options: ReplayOptions): Promise<ReplayReport> {
  const { clock, signal, publish, subjectOf } = options;
  const pacer = createPacer(options.rate, clock);
  const startedAt = clock.now();
  let frames = 0;
  for (const frame of interleave(scans)) {
    await pacer.next(signal);
    const id = frame.kind === 'end' ? `${frame.scan}.end` : `${frame.scan}.${frame.kind}.${frame.index}`;
    await publish({ subject: subjectOf(frame.scan), data: frame.data, headers: frameHeaders(frame), id });
    if (frame.kind !== 'end') frames++;
  }
  return { frames, seconds: (clock.now() - startedAt) / 1_000, slippedMs: pacer.slippedMs() };
}

/** One frame of each running scan in turn. */
function* interleave(scans: readonly ScanSource[]): Generator<Frame> {
  const waiting = scans.map((scan) => ({ frames: scan.frames()[Symbol.iterator](), total: frameCount(scan), sent: 0 }));
  const running: typeof waiting = [];
  while (waiting.length > 0 || running.length > 0) {
    const last = running.at(-1);
    const next = waiting[0];
    if (next && (!last || last.sent >= startShare * last.total)) {
      running.push(next);
      waiting.shift();
    }
    for (const scan of [...running]) {
      const { value, done } = scan.frames.next();
      if (done) running.splice(running.indexOf(scan), 1);
      else {
        scan.sent++;
        yield value;
      }
    }
  }
}

/** Frames of a scan, end marker not counted. */
export function frameCount({ metadata }: ScanSource): number {
  return Object.values(metadata.counts).reduce((sum, count) => sum + count, 0);
}
