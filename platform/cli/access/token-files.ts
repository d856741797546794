/** Where a token is written: its connection file, and the same as PEM files for programs that are no clients of ours. */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { PlatformError } from '#common';
import type { Connection } from '#model';

export interface TokenFlags {
  readonly out?: string;
  readonly pem?: string;
}

export interface TokenPlaces {
  /** Named after the token where no name was asked for. Returns the paths. */
  write(id: string, connection: Connection): Promise<{ readonly file: string; readonly pem: string | undefined }>;
}

/** Throws `not-found` where a folder is missing, `permission-denied` where others could write into it. */
export async function placesFor(flags: TokenFlags): Promise<TokenPlaces> {
  const { assertPrivateDirectory, makePrivateDirectory, writePrivate } = await import('#security');
  const folder = dirname(resolve(flags.out ?? 'token.json'));
  const pem = flags.pem === undefined ? undefined : resolve(flags.pem);
  assertThere(folder);
  assertPrivateDirectory(folder);
  if (pem !== undefined) {
    assertThere(dirname(pem));
    makePrivateDirectory(pem);
  }
  return {
    async write(id, connection) {
      const file = resolve(flags.out ?? `${id}.json`);
      writePrivate(file, JSON.stringify(connection, undefined, 2));
      if (pem !== undefined)
        for (const name of ['ca', 'cert', 'key'] as const) writePrivate(join(pem, `${name}.pem`), connection.tls[name]);
      return { file, pem };
    },
  };
}

function assertThere(folder: string): void {
  if (existsSync(folder)) return;
  throw new PlatformError('not-found', `there is no folder "${folder}" to write the token into`, {
    hint: 'Make it, or name another place.',
  });
}
