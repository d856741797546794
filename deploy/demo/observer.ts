/** An independent reader: sees what the source's frames became, and every slice; knows nothing of how. */
import { connectEvents, type EventClient } from '#client';
import { systemClock } from '#common';
import type { Connection } from '#model';
import { parseFrameHeaders } from '../../functions/sources/index.ts';

export interface SeenSlice {
  readonly scan: string;
  readonly row: number;
  readonly columns: number;
  readonly values: Float32Array<ArrayBuffer>;
  readonly headers: Readonly<Record<string, string>>;
}

const tracesPollMs = 50;

export class Observer {
  readonly #client: EventClient;
  readonly #stop = new AbortController();
  /** Message ids of frames without a trace yet: every row chunk of a frame is a trace of it. */
  readonly #traces = new Map<string, Set<string>>();
  readonly #slices = new Map<string, number>();
  readonly #reading: Promise<void>[] = [];
  #partDuplicates = 0;

  private constructor(client: EventClient) {
    this.#client = client;
  }

  /** `onFailure`: it sees nothing more, or a slice could not be taken. */
  static async start(
    connection: Connection,
    onSlice: (slice: SeenSlice) => void,
    onFailure: (error: unknown) => void,
  ): Promise<Observer> {
    const observer = new Observer(await connectEvents(connection, 'viewer'));
    const signal = observer.#stop.signal;
    const rows = await observer.#client.read('scan.*.rows.*', { from: 'all', signal });
    const slices = await observer.#client.read('recon.*.*', { from: 'all', signal });
    observer.#reading.push(
      ...[observer.#readRows(rows), observer.#readSlices(slices, onSlice)].map((reading) => reading.catch(onFailure)),
    );
    return observer;
  }

  /** Published frame ids without a single trace. */
  lost(ids: Iterable<string>): string[] {
    return [...ids].filter((id) => !this.#traces.has(id));
  }

  /** Resolves when every id has a trace, when the wait is over, or when aborted. */
  async waitForTraces(ids: readonly string[], waitMs: number, signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + waitMs;
    while (this.lost(ids).length > 0 && performance.now() < deadline && !signal.aborted)
      await systemClock.sleep(tracesPollMs, signal);
  }

  /** Chunks or slices seen more than once. */
  get duplicates(): number {
    let more = 0;
    for (const count of this.#slices.values()) more += count - 1;
    return more + this.#partDuplicates;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#reading);
    await this.#client.close();
  }

  async #readRows(rows: Awaited<ReturnType<EventClient['read']>>): Promise<void> {
    for await (const event of rows) {
      const [, scan = '', , chunk = ''] = event.subject.split('.');
      const frame = parseFrameHeaders((name) => event.headers[name]);
      const id = frame.kind === 'end' ? `${scan}.end` : `${scan}.${frame.kind}.${frame.index}`;
      const chunks = this.#traces.get(id) ?? new Set();
      if (chunks.has(chunk)) this.#partDuplicates++;
      chunks.add(chunk);
      this.#traces.set(id, chunks);
    }
  }

  async #readSlices(
    slices: Awaited<ReturnType<EventClient['read']>>,
    onSlice: (slice: SeenSlice) => void,
  ): Promise<void> {
    for await (const event of slices) {
      const [, scan = '', row = ''] = event.subject.split('.');
      const seen = (this.#slices.get(event.subject) ?? 0) + 1;
      this.#slices.set(event.subject, seen);
      if (seen > 1) continue;
      const bytes = Uint8Array.from(event.data);
      const columns = Number(event.headers['Pilotfish-Shape']?.split(',')[1]);
      onSlice({ scan, row: Number(row), columns, values: new Float32Array(bytes.buffer), headers: event.headers });
    }
  }
}
