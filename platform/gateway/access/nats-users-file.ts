/** Tells the launchers which tokens may use the streams: they give them to their servers, and take them away again. */
import { streamRolesOf, type Token } from '#access';
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

function userOf(token: Token): TokenUser[] {
  const { id, natsKey: key, subjects, expiresAtMs } = token;
  const roles = streamRolesOf(token);
  return key === '' || roles.length === 0 ? [] : [{ id, key, roles: [...roles], subjects: [...subjects], expiresAtMs }];
}
