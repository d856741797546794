/** Reads claimed payloads that lie with other nodes, from their agents: one line a node, opened when it is first needed. */
import type { KV } from '@nats-io/kv';
import { PlatformError } from '#common';
import { nodeEntrySchema } from '#model';
import { AgentClient } from '#proto';
import { openClient, readStream, type TlsIdentity } from '#rpc';
import { agentServerName } from '#security';

export interface PeerClaimsOptions {
  readonly pilot: string;
  /** Where agents register their addresses. */
  readonly nodes: KV;
  readonly tls: TlsIdentity;
}

interface Peer {
  readonly address: string;
  readonly client: AgentClient;
}

export class PeerClaims {
  readonly #options: PeerClaimsOptions;
  readonly #peers = new Map<string, Peer>();
  #tls: TlsIdentity;

  constructor(options: PeerClaimsOptions) {
    this.#options = options;
    this.#tls = options.tls;
  }

  /** After a rotation of keys: lines are opened anew with this node's new certificate. */
  renew(tls: TlsIdentity): void {
    this.#tls = tls;
    this.close();
  }

  /** Throws `not-found` where the file is gone, `unavailable` while its node cannot be reached. */
  async *read(node: string, name: string): AsyncGenerator<Uint8Array, void, void> {
    const client = await this.#clientOf(node);
    for await (const { chunk } of readStream(client.readClaim({ name }))) yield chunk;
  }

  close(): void {
    for (const { client } of this.#peers.values()) client.close();
    this.#peers.clear();
  }

  async #clientOf(node: string): Promise<AgentClient> {
    const entry = await this.#options.nodes.get(node);
    const registered = entry?.operation === 'PUT' ? nodeEntrySchema.safeParse(entry.json()) : undefined;
    if (!registered?.success) {
      throw new PlatformError('unavailable', `the payload lies with node ${node}, which is not in the pilot now`);
    }
    const { address } = registered.data;
    const known = this.#peers.get(node);
    if (known?.address === address) return known.client;
    known?.client.close();
    const serverName = agentServerName(this.#options.pilot, node);
    const client = openClient(AgentClient, { address, serverName, tls: this.#tls });
    this.#peers.set(node, { address, client });
    return client;
  }
}
