/** Artifacts and source maps in JetStream's object store, each named by the sha256 of its bytes. */
import { createHash } from 'node:crypto';
import { type ObjectStore, Objm, setSha256Backend } from '@nats-io/obj';
import type { NatsConnection } from '@nats-io/transport-node';
import { PlatformError } from '#common';
import { artifactStore } from '../subjects.ts';
import { artifactStoreBytes, type TopologyOptions } from './topology.ts';

// The default backend hashes in JavaScript, ten times slower.
setSha256Backend('native');

export class ArtifactStore {
  readonly #open: () => Promise<ObjectStore>;
  #opened: Promise<ObjectStore> | undefined;

  private constructor(open: () => Promise<ObjectStore>) {
    this.#open = open;
  }

  static async create(connection: NatsConnection, options: TopologyOptions): Promise<ArtifactStore> {
    const store = await new Objm(connection).create(artifactStore, {
      replicas: options.replicas,
      max_bytes: artifactStoreBytes(options),
    });
    return new ArtifactStore(() => Promise.resolve(store));
  }

  /** Opens the store at its first use: a gateway may create it a little later. */
  static lazy(connection: NatsConnection): ArtifactStore {
    return new ArtifactStore(() => new Objm(connection).open(artifactStore));
  }

  /** Stores the bytes under their digest; again is a no-op. */
  async put(digest: string, bytes: Uint8Array): Promise<void> {
    const store = await this.#store();
    const info = await store.info(digest);
    // A deleted object still has an entry.
    if (info && !info.deleted) return;
    await store.putBlob({ name: digest }, bytes);
  }

  /** The bytes, checked against the digest. Throws `not-found`, or `corrupt` when they are not what it says. */
  async get(digest: string): Promise<Uint8Array> {
    const bytes = await (await this.#store()).getBlob(digest);
    if (!bytes)
      throw new PlatformError('not-found', `artifact ${digest} is not in the store`, {
        hint: 'Deploy the function again.',
      });
    const actual = sha256(bytes);
    if (actual !== digest)
      throw new PlatformError('corrupt', `artifact ${digest} has bytes of digest ${actual}`, {
        hint: 'Deploy the function again.',
      });
    return bytes;
  }

  async delete(digest: string): Promise<void> {
    await (await this.#store()).delete(digest);
  }

  #store(): Promise<ObjectStore> {
    this.#opened ??= this.#open();
    // A failure must not stick.
    this.#opened.catch(() => {
      this.#opened = undefined;
    });
    return this.#opened;
  }
}

/** sha256 in hex. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
