/** Makes and revokes tokens. The secret halves of their keys never come here. */
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isRole, roles, streamRolesOf, type Token, tokenLimits, tokenSchema } from '#access';
import { type Clock, formatDuration, nearestName, PlatformError } from '#common';
import type { CreateTokenRequest, CreateTokenResponse, Token as TokenMessage } from '#proto';
import { isPublicNatsKey, loadCertificates, readPrivate } from '#security';
import type { NatsUsersFile } from './nats-users-file.ts';
import type { TokenBook } from './token-book.ts';

export interface TokenServiceOptions {
  readonly tokens: TokenBook;
  readonly users: NatsUsersFile;
  /** Files of the pilot's authority. */
  readonly authority: { readonly cert: string; readonly key: string };
  /** Ends the connections of a caller; returns how many. */
  readonly cut: (name: string) => number;
  readonly clock: Clock;
}

const idLetters = 'abcdefghijkmnpqrstuvwxyz23456789';
/** A P-256 SubjectPublicKeyInfo has 91 bytes. */
const publicKeyBytesMax = 256;

export class TokenService {
  readonly #options: TokenServiceOptions;
  /** Ended tokens whose connections were ended. */
  #cut: ReadonlySet<string> = new Set();

  constructor(options: TokenServiceOptions) {
    this.#options = options;
  }

  list(): TokenMessage[] {
    return this.#options.tokens.list().map(messageOfToken);
  }

  /** Throws `usage` for what no token can be. */
  async create(request: CreateTokenRequest): Promise<CreateTokenResponse> {
    const { tokens, users, clock } = this.#options;
    const nowMs = clock.now();
    const token = tokenOf(request, nowMs);
    const certificate = await this.#sign(token, request.publicKey, nowMs);
    await tokens.add(token, nowMs);
    users.write(tokens.list());
    return { token: messageOfToken(token), certificate };
  }

  /** From here on it opens nothing: its calls are refused, its connections ended. Throws `not-found`. */
  async revoke(id: string): Promise<number> {
    const { tokens, users, cut } = this.#options;
    await tokens.remove(id);
    users.write(tokens.list());
    return cut(id);
  }

  /** What a token has open ends with it; nothing new is let in with its certificate. To be asked often. */
  cutEnded(): void {
    const { tokens, cut, clock } = this.#options;
    const ended = tokens.list().filter(({ expiresAtMs }) => expiresAtMs <= clock.now());
    for (const { id } of ended) if (!this.#cut.has(id)) cut(id);
    this.#cut = new Set(ended.map(({ id }) => id));
  }

  async #sign(token: Token, publicKey: Uint8Array, nowMs: number): Promise<string> {
    const { authority } = this.#options;
    if (publicKey.length > publicKeyBytesMax) throw new PlatformError('usage', 'the public key is not a P-256 key');
    const { CertificateAuthority } = await loadCertificates();
    const signer = await CertificateAuthority.load(readFileSync(authority.cert, 'utf8'), readPrivate(authority.key));
    const validMs = token.expiresAtMs - nowMs;
    const request = { commonName: token.id, usage: ['client' as const], validMs };
    try {
      return await signer.sign(request, Uint8Array.from(publicKey), nowMs);
    } catch (error) {
      throw new PlatformError('usage', 'the public key is not a P-256 key', { cause: error });
    }
  }
}

function tokenOf(request: CreateTokenRequest, nowMs: number): Token {
  const { role, ttlMs, natsKey } = request;
  if (!isRole(role)) {
    const near = nearestName(role, Object.keys(roles));
    throw new PlatformError('usage', `"${role}" is no role`, {
      hint: near ? `Did you mean "${near}"?` : `There are ${Object.keys(roles).join(', ')}.`,
    });
  }
  if (!(ttlMs > 0 && ttlMs <= tokenLimits.ttlMsMax)) {
    throw new PlatformError('usage', `a token cannot be good for ${formatDuration(ttlMs)}`, {
      hint: 'More than 0 and at most 30 days are possible.',
    });
  }
  if (natsKey !== '' && !isPublicNatsKey(natsKey)) throw new PlatformError('usage', 'the NATS key is no public nkey');
  if (natsKey !== '' && streamRolesOf({ role, functions: request.functions }).length === 0) {
    const which = request.functions.length > 0 ? ' for some functions' : '';
    throw new PlatformError('usage', `the role "${role}"${which} opens no stream`, { hint: 'Leave the NATS key out.' });
  }
  const id = `t-${Array.from({ length: 8 }, () => idLetters[randomInt(idLetters.length)]).join('')}`;
  const { name, functions, subjects } = request;
  const token = { id, name, role, functions, subjects, createdAtMs: nowMs, expiresAtMs: nowMs + ttlMs, natsKey };
  const parsed = tokenSchema.safeParse(token);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const [field = '', at] = issue?.path ?? [];
  const given = [request[field as 'functions' | 'subjects']].flat()[Number(at ?? 0)];
  throw new PlatformError('usage', `the token's ${String(field)}: ${JSON.stringify(given)}: ${issue?.message ?? ''}`, {
    hint: 'Functions are patterns such as recon-*, subjects such as scan.*.frame; 64 of each at most.',
  });
}

function messageOfToken({ natsKey: _, ...token }: Token): TokenMessage {
  return token;
}
