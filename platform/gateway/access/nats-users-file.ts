/** Tells the launchers which tokens may use the streams: they give them to their servers, and take them away again. */
import { streamRolesOf, type Token } from '#access';
import { type NatsUsers, natsUsersSchema, type TokenUser } from '#model';
import { readPrivate, writePrivate } from '#security';

export class NatsUsersFile {
  readonly #path: string;

  /** Of the pilot, on the shared file system; 0600. */
  constructor(path: string) {
    this.#path = path;
  }

  write(tokens: readonly Token[]): void {
    writePrivate(this.#path, JSON.stringify({ ...this.#read(), tokens: tokens.flatMap(userOf) }));
  }

  /** New keys for the owner's own publishing and reading, public halves; without any the servers just read all of theirs anew. */
  renew(keys: Partial<Pick<NatsUsers, 'source' | 'viewer'>> = {}): void {
    writePrivate(this.#path, JSON.stringify({ ...this.#read(), ...keys }));
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
