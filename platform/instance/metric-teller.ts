/** Tells the agent what a function has measured: what grew since the last time, once a second at most, and at the end. */
import { type FrameWriter, frameTypes } from '#frames';
import { MetricBook } from '#sdk';

const tellEveryMs = 1_000;

export class MetricTeller {
  readonly book: MetricBook;
  readonly #writer: FrameWriter;
  readonly #timer: NodeJS.Timeout;

  constructor(writer: FrameWriter, refuse: (text: string) => void) {
    this.#writer = writer;
    this.book = new MetricBook(refuse);
    this.#timer = setInterval(() => this.#tell(), tellEveryMs).unref();
  }

  /** Tells what is left. */
  close(): void {
    clearInterval(this.#timer);
    this.#tell();
  }

  #tell(): void {
    const samples = this.book.take();
    if (samples.length > 0) this.#writer.write(frameTypes.metrics, 0, 0, '', Buffer.from(JSON.stringify(samples)));
  }
}
