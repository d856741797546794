/** ctx.publish: hands events to the agent, and waits for its word that the stream has stored them. */
import { PlatformError } from '#common';
import { type FrameWriter, frameTypes, type PublishedHeader, type PublishHeader } from '#frames';
import type { PublishOptions } from '#sdk';
import type { LazyCall } from './call-context.ts';

export class PublishClient {
  readonly #writer: FrameWriter;
  readonly #open = new Map<number, PromiseWithResolvers<void>>();
  #next = 1;

  constructor(writer: FrameWriter) {
    this.#writer = writer;
  }

  publish(call: LazyCall, subject: string, data: Uint8Array | string, options: PublishOptions): Promise<void> {
    const token = this.#next++;
    const header: PublishHeader = {
      token,
      subject,
      messageId: options.id ?? `${call.header.i}.publish.${call.publishes++}`,
      headers: { ...call.traceHeaders, ...options.headers },
    };
    const settled = Promise.withResolvers<void>();
    this.#open.set(token, settled);
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    this.#writer.write(frameTypes.publish, call.frameId, 0, JSON.stringify(header), bytes);
    return settled.promise;
  }

  published({ token, error }: PublishedHeader): void {
    const settled = this.#open.get(token);
    this.#open.delete(token);
    if (error === '') settled?.resolve();
    else settled?.reject(new PlatformError('unavailable', error));
  }
}
