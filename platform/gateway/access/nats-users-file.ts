/** Tells the launchers which tokens may use the streams: they give them to their servers, and take them away again. */
import type { Token } from '#access';
import { type NatsUsers, natsUsersSchema, type TokenUser } from '#model';
import { createNatsKey, readPrivate, writePrivate } from '#security';

export class NatsUsersFile {
  readonly #path: string;

  /** Of the pilot, on the shared file system; 0600. */
  constructor(path: string) {
    this.#path = path;
  }

  write(tokens: readonly Token[]): void {
    writePrivate(this.#path, JSON.stringify({ ...this.#read(), tokens: tokens.flatMap(userOf) }));
  }

  /** New keys for the owner's own publishing and reading; returns their secret halves. */
  rotate(): { readonly source: string; readonly viewer: string } {
    const [source, viewer] = [createNatsKey(), createNatsKey()];
    const users: NatsUsers = { ...this.#read(), source: source.publicKey, viewer: viewer.publicKey };
    writePrivate(this.#path, JSON.stringify(users));
    return { source: source.seed, viewer: viewer.seed };
  }

  #read(): NatsUsers {
    return natsUsersSchema.parse(JSON.parse(readPrivate(this.#path)));
  }
}

/** What a token may do on the streams follows from its role: whoever deploys may run code that does both. */
function userOf({ id, role, natsKey, subjects }: Token): TokenUser[] {
  if (natsKey === '') return [];
  const may =
    role === 'view'
      ? (['viewer'] as const)
      : role === 'publish'
        ? (['source'] as const)
        : (['source', 'viewer'] as const);
  return [{ id, key: natsKey, roles: [...may], subjects: [...subjects] }];
}
