/** Tokens, certificates and the audit log, as the gateway keeps them: `pilot.access`. Also events by way of the gateway. */
import type {
  CreateTokenRequest,
  CreateTokenResponse,
  GatewayClient,
  PublishResponse,
  TailAuditResponse,
  Token,
} from '#proto';
import { callUnary, readStream } from '#rpc';
import type { LogsOptions } from './logs-options.ts';
import type { PublishOptions } from './publish-options.ts';

export class AccessClient {
  readonly #client: GatewayClient;

  constructor(client: GatewayClient) {
    this.#client = client;
  }

  /** Makes a token for keys whose secret halves stay here. Throws `usage` for a role, pattern or time that cannot be. */
  async createToken(request: CreateTokenRequest): Promise<CreateTokenResponse> {
    return callUnary(this.#client.createToken.bind(this.#client), request);
  }

  async tokens(): Promise<Token[]> {
    return (await callUnary(this.#client.listTokens.bind(this.#client), {})).tokens;
  }

  /** Returns how many connections were cut. Throws `not-found`. */
  async revokeToken(id: string): Promise<number> {
    return (await callUnary(this.#client.revokeToken.bind(this.#client), { id })).connections;
  }

  /** New certificates and keys for owner, gateway and agents; this client's own are not good any more. */
  async rotateCertificates(): Promise<Date> {
    return new Date((await callUnary(this.#client.rotateCertificates.bind(this.#client), {})).expiresAtMs);
  }

  /** Changes and refusals, oldest first; with `follow` also those to come. */
  audit({ follow = false, sinceMs = 0, fromSequence = 0, signal }: LogsOptions = {}): AsyncIterable<TailAuditResponse> {
    return readStream(this.#client.tailAudit({ follow, sinceMs, fromSequence }), signal);
  }

  /** Stores one event by way of the gateway; for many, `connectEvents` is the fast way. Throws `permission-denied`, `no-capacity`. */
  async publish(
    subject: string,
    payload: Uint8Array,
    { headers = {}, id = '' }: PublishOptions = {},
  ): Promise<PublishResponse> {
    const request = { subject, payload: Buffer.from(payload), headers: { ...headers }, messageId: id };
    return callUnary(this.#client.publish.bind(this.#client), request);
  }
}
