/** The headers that a source gives its events, and what they say of how those may travel. */
import { dtypeHeader, shapeHeader } from '#claims';
import { PlatformError } from '#common';
import type { PublishOptions } from './publish-options.ts';

const reservedName = /^(nats-|pilotfish-(claim|pack))/i;
const aloneName = /^pilotfish-(part|expect)$/i;

/** What names itself, for the stream or for a gather, has to be a message of its own. */
export function mayBePacked({ id, headers = {} }: PublishOptions): boolean {
  return id === undefined && !Object.keys(headers).some((name) => aloneName.test(name));
}

/** Throws `invalid` for a header that only the platform may set. */
export function userHeaders({ headers = {}, dtype, shape }: PublishOptions): [string, string][] {
  const pairs = Object.entries(headers);
  const reserved = pairs.find(([name]) => reservedName.test(name));
  if (reserved) {
    throw new PlatformError('invalid', `header "${reserved[0]}" is not for sources to set`, {
      hint: 'Choose a name that begins neither with "Nats-" nor with "Pilotfish-Claim" or "Pilotfish-Pack".',
    });
  }
  if (dtype !== undefined) pairs.push([dtypeHeader, dtype]);
  if (shape !== undefined) pairs.push([shapeHeader, shape.join(',')]);
  return pairs;
}
