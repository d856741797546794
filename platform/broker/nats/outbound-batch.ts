/**
 * Commands to the server as bytes in one buffer, which is sent at the end of the turn. The client makes a buffer for each
 * command, keeps it with those of headers, payload and line end, and copies all of them into a new one when it sends.
 */
import type { ProtocolHandler } from '@nats-io/transport-node';

const batchBytes = 64 * 2 ** 10;
/** A character of a command has so many bytes at most. */
const charBytesMax = 3;
/** Far below a lease; a write wakes the server, which costs both of them more than the acks of a turn do. */
const lateMs = 2;
const carriageReturn = 13;
const lineFeed = 10;

export class OutboundBatch {
  readonly #protocol: ProtocolHandler;
  #batch = Buffer.allocUnsafeSlow(batchBytes);
  #used = 0;
  #planned = false;
  #lateTimer: NodeJS.Timeout | undefined;

  constructor(protocol: ProtocolHandler) {
    this.#protocol = protocol;
  }

  add(command: string, parts: readonly Uint8Array[]): void {
    let bytes = 0;
    for (const part of parts) bytes += part.length;
    this.#begin(command, bytes);
    for (const part of parts) this.#put(part);
    this.#plan();
  }

  /** A command, headers as text, a payload and the end of its line. */
  addLine(command: string, headers: string, payload: Uint8Array): void {
    this.#begin(command, headers.length * charBytesMax + payload.length + 2);
    if (headers.length > 0) this.#used += this.#batch.write(headers, this.#used);
    if (payload.length > 0) this.#put(payload);
    this.#batch[this.#used++] = carriageReturn;
    this.#batch[this.#used++] = lineFeed;
    this.#plan();
  }

  /** A command without payload that nobody waits for: it goes with the next write, or a little later by itself. */
  addLate(command: string): void {
    this.#begin(command, 0);
    this.#lateTimer ??= setTimeout(() => this.flush(), lateMs);
  }

  /** Behind what the client has gathered itself. On a connection that was lost meanwhile it is lost, too, as with the client. */
  flush(): void {
    clearTimeout(this.#lateTimer);
    this.#lateTimer = undefined;
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

  /** Makes room for the command and so many bytes behind it. */
  #begin(command: string, bytes: number): void {
    const need = command.length * charBytesMax + bytes;
    if (this.#used + need > this.#batch.length) this.flush();
    if (need > this.#batch.length) this.#batch = Buffer.allocUnsafeSlow(need);
    this.#used += this.#batch.write(command, this.#used);
  }

  #put(bytes: Uint8Array): void {
    this.#batch.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  #plan(): void {
    if (this.#planned) return;
    this.#planned = true;
    queueMicrotask(() => {
      this.#planned = false;
      this.flush();
    });
  }
}
