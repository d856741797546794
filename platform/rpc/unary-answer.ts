/** The answer to a unary call while it comes in: its message in pieces, and what its end says of it. */
import { constants, type IncomingHttpHeaders } from 'node:http2';
import { status } from '@grpc/grpc-js';
import { messageBytesMax } from './limits.ts';
import { errorTrailer, fromStatus } from './service-error.ts';

/** Before each message: a byte that is 1 where it is compressed, and its length. */
export const prefixBytes = 5;

export class UnaryAnswer {
  httpStatus = 0;
  /** Of its message; undefined until its prefix is there. */
  announcedBytes: number | undefined;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  take(chunk: Buffer): void {
    // What stands on an error page is of no use, but it has to be read.
    if (this.#isPage) return;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.announcedBytes === undefined && this.#bytes >= prefixBytes) {
      this.announcedBytes = this.#whole().readUInt32BE(1);
    }
  }

  /** False where it is, or says that it will be, larger than a message may be. */
  get fits(): boolean {
    if (this.#isPage) return true;
    // As long as it could be a page its first bytes say nothing.
    const announced = this.httpStatus === 0 ? 0 : (this.announcedBytes ?? 0);
    return Math.max(announced, this.#bytes - prefixBytes) <= messageBytesMax;
  }

  get isWhole(): boolean {
    return this.announcedBytes === this.#bytes - prefixBytes;
  }

  /** The message; throws what the status says, or that there is no message. */
  read(trailers: IncomingHttpHeaders): Buffer {
    const code = Number(trailers['grpc-status'] ?? Number.NaN);
    if (code !== status.OK) throw this.#failure(code, trailers);
    if (!this.isWhole) {
      throw fromStatus(status.INTERNAL, `an answer of ${this.#bytes} bytes is not one message`);
    }
    const whole = this.#whole();
    if (whole[0] !== 0) throw fromStatus(status.INTERNAL, 'an answer is compressed, which nobody asked for');
    return whole.subarray(prefixBytes);
  }

  #failure(code: number, trailers: IncomingHttpHeaders): Error {
    if (!(code in status)) {
      const why = this.httpStatus === constants.HTTP_STATUS_OK ? 'it has no status' : `HTTP status ${this.httpStatus}`;
      return fromStatus(status.UNKNOWN, `the other side answers something that is not gRPC: ${why}`);
    }
    const detail = trailers[errorTrailer];
    const bytes = typeof detail === 'string' ? Buffer.from(detail, 'base64') : undefined;
    return fromStatus(code, unescaped(String(trailers['grpc-message'] ?? '')), bytes);
  }

  get #isPage(): boolean {
    return this.httpStatus !== 0 && this.httpStatus !== constants.HTTP_STATUS_OK;
  }

  #whole(): Buffer {
    const [first = Buffer.alloc(0)] = this.#chunks;
    return this.#chunks.length <= 1 ? first : Buffer.concat(this.#chunks, this.#bytes);
  }
}

/** Messages of a status are percent-encoded; one that is not, is taken as it stands. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
