/** The tokens that open this pilot, kept in a bucket and held in memory: no call waits for the broker to be let in. */
import type { KV } from '@nats-io/kv';
import { parseToken, type Token, tokenLimits } from '#access';
import { messageOf, PlatformError } from '#common';
import type { Logger } from '#telemetry';

/** Since when owners' certificates count: written by a rotation. */
const ownersSinceKey = 'owners-since';

export class TokenBook {
  readonly #bucket: KV;
  readonly #tokens = new Map<string, Token>();
  #ownersSinceMs = 0;

  private constructor(bucket: KV) {
    this.#bucket = bucket;
  }

  /** Reads all that there are; what other hands change later is followed. */
  static async load(bucket: KV, logger: Logger): Promise<TokenBook> {
    const book = new TokenBook(bucket);
    for await (const key of await bucket.keys()) {
      const entry = await bucket.get(key);
      if (entry?.operation === 'PUT') book.#take(key, entry.string());
    }
    void book.#follow().catch((error) => logger.error({ error: messageOf(error) }, 'tokens are not followed any more'));
    return book;
  }

  get(id: string): Token | undefined {
    return this.#tokens.get(id);
  }

  list(): Token[] {
    return [...this.#tokens.values()].sort((a, b) => a.createdAtMs - b.createdAtMs);
  }

  get ownersSinceMs(): number {
    return this.#ownersSinceMs;
  }

  /** Throws `conflict` when there are as many as there may be; ended ones make room. */
  async add(token: Token, nowMs: number): Promise<void> {
    for (const { id, expiresAtMs } of this.list()) if (expiresAtMs <= nowMs) await this.remove(id);
    if (this.#tokens.size >= tokenLimits.tokensMax) {
      throw new PlatformError('conflict', `there are ${tokenLimits.tokensMax} tokens already`, {
        hint: 'pilotfish auth revoke ID makes room.',
      });
    }
    await this.#bucket.put(token.id, JSON.stringify(token));
    this.#tokens.set(token.id, token);
  }

  /** Throws `not-found`. */
  async remove(id: string): Promise<void> {
    if (!this.#tokens.has(id)) {
      throw new PlatformError('not-found', `there is no token "${id}"`, { hint: '`pilotfish auth list` shows them.' });
    }
    // Out of memory first: from here on it opens nothing, whatever becomes of the write.
    this.#tokens.delete(id);
    await this.#bucket.purge(id);
  }

  async setOwnersSince(timeMs: number): Promise<void> {
    await this.#bucket.put(ownersSinceKey, String(timeMs));
    this.#ownersSinceMs = timeMs;
  }

  async #follow(): Promise<void> {
    for await (const { key, operation, value } of await this.#bucket.watch()) {
      if (operation === 'PUT') this.#take(key, new TextDecoder().decode(value));
      else this.#tokens.delete(key);
    }
  }

  #take(key: string, text: string): void {
    if (key === ownersSinceKey) {
      this.#ownersSinceMs = Math.max(this.#ownersSinceMs, Number(text) || 0);
      return;
    }
    const token = parseToken(text);
    if (token?.id === key) this.#tokens.set(key, token);
  }
}
