/**
 * Tokens have a NATS account of their own. The servers answer to whatever reply subject a request names and ask nobody
 * whether its sender may publish there: in the pilot's account an answer could so be stored as an entry of the registry. In
 * this account nothing is stored. Requests are brought into the pilot's account one service at a time, and their answers come
 * back here, whatever the reply is called. Making consumers is no such service: a consumer delivers where it was made.
 */
import { platformSubjects } from '#common';
import { eventSubject, inboxPrefix, pilotApi, streamSubjects, streams, tokenApi } from '../subjects.ts';
import type { SubjectPermissions } from './permissions.ts';

export interface TokenOnStreams {
  readonly id: string;
  /** Public nkey. */
  readonly key: string;
  readonly roles: readonly ('source' | 'viewer')[];
  /** Subjects to publish to, as users write them; empty: all. */
  readonly subjects: readonly string[];
}

/** To ask for one message is all the reading there is: by sequence, or the next one that a subject fits. */
const reading = [streams.events, streams.claims].flatMap((stream) => [
  `DIRECT.GET.${stream}`,
  `DIRECT.GET.${stream}.>`,
]);
const asking = [`STREAM.INFO.${streams.events}`, ...reading];
const storing = [streamSubjects.EVENTS, streamSubjects.CLAIMS];

/** What the pilot's account offers. */
export const tokenServices = [...storing, ...asking.map((request) => `${pilotApi}.${request}`)].map((service) => ({
  service,
}));

/** The same as tokens know it: JetStream's own prefix leads to their own account, which has no streams. */
export const tokenImports = tokenServices.map(({ service: subject }) => ({
  service: { account: 'PILOT', subject },
  ...(subject.startsWith(`${pilotApi}.`) ? { to: subject.replace(pilotApi, tokenApi) } : {}),
}));

/** Inboxes are a token's own: whoever heard another's could answer in the servers' place. */
export function tokenPermissions({ id, roles, subjects }: Omit<TokenOnStreams, 'key'>): SubjectPermissions {
  const ask = (requests: readonly string[]) => requests.map((request) => `${tokenApi}.${request}`);
  const events = subjects.length === 0 ? [streamSubjects.EVENTS] : subjects.map((each) => eventSubject(each));
  const publish = {
    source: [...events, streamSubjects.CLAIMS, ...ask([`STREAM.INFO.${streams.events}`])],
    viewer: ask(asking),
  };
  return {
    publish: [...new Set(roles.flatMap((role) => publish[role]))],
    subscribe: roles.map((role) => `${inboxPrefix(role, id)}.>`),
    never: [eventSubject(platformSubjects)],
  };
}
