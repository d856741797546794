/** What a token opens on the streams, by NATS. */
import type { Role } from './roles.ts';

export type StreamRole = 'source' | 'viewer';

const byRole: Readonly<Record<Role, readonly StreamRole[]>> = {
  // Whoever deploys may run code that does both.
  admin: ['source', 'viewer'],
  deploy: ['source', 'viewer'],
  invoke: [],
  publish: ['source'],
  view: ['viewer'],
};

/** A token for some functions reads no stream: events lie there under subjects, not under functions. */
export function streamRolesOf({
  role,
  functions,
}: {
  readonly role: Role;
  readonly functions: readonly string[];
}): readonly StreamRole[] {
  return byRole[role].filter((each) => each === 'source' || functions.length === 0);
}
