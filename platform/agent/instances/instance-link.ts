/** The frame socket of one instance: what its agent tells it, and what it says, checked before anything is believed. */
import type { Socket } from 'node:net';
import { messageOf, PlatformError } from '#common';
import {
  type ErrorHeader,
  type Frame,
  FrameReader,
  FrameWriter,
  frameTypes,
  type LoadHeader,
  type LogHeader,
  type PublishedHeader,
  type PublishHeader,
  type RunHeader,
  readErrorHeader,
  readLogHeader,
  readMetricSamples,
  readPublishHeader,
  readRunHeader,
  readStateHeader,
  type StateHeader,
} from '#frames';
import type { MetricSample } from '#sdk';
import type { StateAnswer } from '../records/state-store.ts';

/** Who hears what an instance says. */
export interface InstanceListener {
  /** With what became of the code cache. */
  readonly ready: (codeCacheUse: number) => void;
  readonly loadFailed: (error: ErrorHeader) => void;
  /** The answer to a call: a `result` frame, or an error. */
  readonly answered: (id: number, frame: Frame, error: ErrorHeader | undefined) => void;
  readonly ran: (id: number, run: RunHeader) => void;
  readonly chunk: (id: number, data: Uint8Array) => void;
  readonly partTaken: (id: number) => void;
  readonly logged: (line: LogHeader, text: string) => void;
  readonly measured: (samples: readonly MetricSample[]) => void;
  readonly publishes: (publish: PublishHeader, data: Uint8Array) => void;
  readonly asksState: (state: StateHeader, value: Uint8Array) => void;
  /** It does not speak our frames. Nothing that it says afterwards is heard. */
  readonly wrong: (fault: string) => void;
  /** Its end of the socket is closed: it hears nothing any more. */
  readonly closed: () => void;
}

export class InstanceLink {
  readonly writer: FrameWriter;
  readonly #socket: Socket;
  readonly #listener: InstanceListener;

  constructor(socket: Socket, listener: InstanceListener) {
    this.#socket = socket;
    this.writer = new FrameWriter(socket);
    this.#listener = listener;
  }

  /** The first that it is told; `early` has come before anybody listened. */
  load(load: LoadHeader, early: Buffer): void {
    const reader = new FrameReader((frame) => this.#receive(frame));
    const push = (chunk: Buffer) => {
      try {
        reader.push(chunk);
      } catch (error) {
        // Where its next frame begins is anybody's guess, and what looks like an answer need not be one.
        this.#socket.off('data', push);
        this.#socket.resume();
        this.#listener.wrong(messageOf(error));
      }
    };
    this.#socket.on('data', push);
    this.#socket.on('error', () => undefined);
    this.#socket.once('close', () => this.#listener.closed());
    this.writer.write(frameTypes.load, 0, 0, JSON.stringify(load));
    if (early.length > 0) push(early);
    this.#socket.resume();
  }

  cancel(id: number): void {
    this.writer.write(frameTypes.cancel, id, 0, '');
  }

  stop(): void {
    this.writer.write(frameTypes.stop, 0, 0, '');
  }

  /** `error` is empty where the stream has stored it. */
  published(token: number, error: string): void {
    const answer: PublishedHeader = { token, error };
    this.writer.write(frameTypes.published, 0, 0, JSON.stringify(answer));
  }

  stateAnswered(token: number, { value, ...answer }: StateAnswer): void {
    this.writer.write(frameTypes.stateAnswer, 0, 0, JSON.stringify({ token, ...answer }), value);
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(frame: Frame): void {
    const { type, id, flags, header, body } = frame;
    const listener = this.#listener;
    switch (type) {
      case frameTypes.result:
        return listener.answered(id, frame, undefined);
      case frameTypes.error: {
        // Read first: where it is wrong, the call is still inside the instance and ends with it.
        const error = readErrorHeader(header);
        return id === 0 ? listener.loadFailed(error) : listener.answered(id, frame, error);
      }
      case frameTypes.log:
        return listener.logged(readLogHeader(header), Buffer.from(body).toString('utf8'));
      case frameTypes.metrics:
        return listener.measured(readMetricSamples(body));
      case frameTypes.run:
        return listener.ran(id, readRunHeader(header));
      case frameTypes.partTaken:
        return listener.partTaken(id);
      case frameTypes.chunk:
        return listener.chunk(id, body);
      case frameTypes.state:
        return listener.asksState(readStateHeader(header), body);
      case frameTypes.publish:
        return listener.publishes(readPublishHeader(header), body);
      case frameTypes.ready:
        return listener.ready(flags);
      case frameTypes.waiting:
        return;
      default:
        throw new PlatformError('invalid', `it sent a frame of unknown type ${type}`);
    }
  }
}
