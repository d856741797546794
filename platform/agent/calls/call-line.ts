/** One gateway's line of calls into this node: each call runs as it comes, outcomes go back in any order. */
import { timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';
import { messageOf, PlatformError, SlotMap } from '#common';
import {
  type Frame,
  FrameReader,
  FrameWriter,
  frameTypes,
  type LineCall,
  type LineHello,
  type LineOutcome,
  readJson,
} from '#frames';
import { toErrorDetail } from '#rpc';
import type { Logger } from '#telemetry';
import { Invocation, type InvocationOptions } from './invocation.ts';

export interface CallLineOptions extends InvocationOptions {
  /** What a gateway must say first. */
  readonly token: string;
  readonly logger: Logger;
}

/** Calls of one line at once; a gateway keeps to fewer by itself (R6). */
const callsMax = 8_192;
/** How often calls are looked for whose outcome is overdue. */
const lateCheckMs = 1_000;
/** Answers that the gateway has not read: past it the line is of no use any more (R6). */
const waitingBytesMax = 128 * 2 ** 20;

export class CallLine {
  readonly #socket: Socket;
  readonly #writer: FrameWriter;
  readonly #options: CallLineOptions;
  readonly #running = new SlotMap<number, Invocation>();
  #admitted = false;

  constructor(socket: Socket, options: CallLineOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#writer = new FrameWriter(socket);
    const reader = new FrameReader((frame) => this.#receive(frame));
    socket.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk);
      } catch (error) {
        this.#end(messageOf(error));
      }
    });
    const lateChecks = setInterval(() => {
      for (const invocation of this.#running.values()) invocation.endIfLate();
    }, lateCheckMs).unref();
    socket.once('close', () => clearInterval(lateChecks));
    // The gateway went away: its calls run on, their outcomes have no reader.
    socket.on('error', () => socket.destroy());
  }

  #receive(frame: Frame): void {
    if (!this.#admitted) this.#admit(frame);
    else if (frame.type === frameTypes.call) void this.#run(frame.id, readJson<LineCall>(frame.header), frame.body);
    else if (frame.type === frameTypes.cancel) this.#running.get(frame.id)?.cancel();
    else throw new PlatformError('invalid', `a line of calls has no frames of type ${frame.type}`);
  }

  #admit(frame: Frame): void {
    const said = frame.type === frameTypes.hello ? readJson<LineHello>(frame.header).token : '';
    const [given, wanted] = [Buffer.from(said), Buffer.from(this.#options.token)];
    if (given.length !== wanted.length || !timingSafeEqual(given, wanted))
      throw new PlatformError('unauthenticated', 'it does not know the token of this agent');
    this.#admitted = true;
  }

  async #run(id: number, call: LineCall, body: Uint8Array): Promise<void> {
    const invocation = new Invocation(call, body, this.#options);
    try {
      if (this.#running.size >= callsMax) throw new PlatformError('no-capacity', `${callsMax} calls run on this line`);
      this.#running.set(id, invocation);
      const answer = await invocation.run((piece) => this.#write(frameTypes.chunk, id, '', piece));
      this.#write(frameTypes.result, id, JSON.stringify(invocation.outcome() satisfies LineOutcome), answer);
    } catch (error) {
      // Without the answer's headers: they may be what was too large.
      const { h: _, ...ran } = invocation.outcome();
      const failed = { ...ran, error: toErrorDetail(error) };
      this.#write(frameTypes.error, id, JSON.stringify(failed));
    } finally {
      this.#running.delete(id);
    }
  }

  #write(type: (typeof frameTypes)['chunk' | 'result' | 'error'], id: number, header: string, body?: Uint8Array): void {
    if (this.#socket.destroyed) return;
    this.#writer.write(type, id, 0, header, body);
    if (this.#writer.bufferedBytes > waitingBytesMax) this.#end(`it does not read: ${waitingBytesMax} bytes wait`);
  }

  #end(why: string): void {
    this.#options.logger.warn({ why }, 'line of calls ended');
    this.#socket.destroy();
  }
}
