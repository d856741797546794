/**
 * Commands to the server as bytes in one buffer, which is sent at the end of the turn. The client makes a buffer for each
 * command, keeps it with those of headers, payload and line end, and copies all of them into a new one when it sends.
 */
import type { ProtocolHandler } from '@nats-io/transport-node';

const batchBytes = 64 * 2 ** 10;
/** A character of a command has so many bytes at most. */
const charBytesMax = 3;

export class OutboundBatch {
  readonly #protocol: ProtocolHandler;
  #batch = Buffer.allocUnsafeSlow(batchBytes);
  #used = 0;
  #planned = false;

  constructor(protocol: ProtocolHandler) {
    this.#protocol = protocol;
  }

  add(command: string, parts: readonly Uint8Array[]): void {
    let need = command.length * charBytesMax;
    for (const part of parts) need += part.length;
    if (this.#used + need > this.#batch.length) this.flush();
    if (need > this.#batch.length) this.#batch = Buffer.allocUnsafeSlow(need);
    this.#used += this.#batch.write(command, this.#used);
    for (const part of parts) {
      this.#batch.set(part, this.#used);
      this.#used += part.length;
    }
    if (this.#planned) return;
    this.#planned = true;
    queueMicrotask(() => {
      this.#planned = false;
      this.flush();
    });
  }

  /** Behind what the client has gathered itself. On a connection that was lost meanwhile it is lost, too, as with the client. */
  flush(): void {
    if (this.#used === 0) return;
    const { outbound, transport, connected } = this.#protocol;
    const sent = this.#batch.subarray(0, this.#used);
    const isSmall = this.#used < batchBytes / 16;
    // A copy of a few commands is cheaper than a new buffer.
    const bytes = isSmall ? Buffer.from(sent) : sent;
    if (!isSmall) this.#batch = Buffer.allocUnsafeSlow(batchBytes);
    this.#used = 0;
    outbound.fill(bytes);
    if (connected) transport.send(outbound.drain());
  }
}
