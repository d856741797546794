/**
 * What each role may say and hear on NATS: the whole table, allow lists only. A role that is not named for a subject is
 * refused by the server, whatever its process tries. Inboxes belong to a role, so that no role hears another's answers.
 */
import { platformSubjects } from '#common';
import { buckets, eventSubject, type NatsRole, type StreamName, streamSubjects, streams } from '../subjects.ts';

export interface SubjectPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  /** Not to be published, whatever `publish` says. */
  readonly never?: readonly string[];
}

const api = '$JS.API';
/** Who did what is for the gateway to write and for the owner to read. */
const openStreams = Object.values(streams).filter((stream) => stream !== streams.audit);
/** Flow control of ordered push readers. */
const flowControl = '$JS.FC.>';

export const rolePermissions: Record<NatsRole, SubjectPermissions> = {
  /** Owns the state: makes streams, buckets, consumers; writes registry and artifacts. */
  gateway: {
    publish: [`${api}.>`, '$KV.>', '$O.>', '$JS.ACK.>', flowControl, ...Object.values(streamSubjects)],
    subscribe: ['_INBOX.gateway.>'],
  },
  /** Handles events; reads registry and artifacts, and can change neither. */
  agent: {
    publish: [
      ...openStreams.map((stream) => streamSubjects[stream]),
      '$JS.ACK.>',
      flowControl,
      `${api}.INFO`,
      `${api}.STREAM.INFO.>`,
      `${api}.STREAM.NAMES`,
      `${api}.STREAM.MSG.GET.>`,
      `${api}.DIRECT.GET.>`,
      `${api}.CONSUMER.MSG.NEXT.>`,
      `${api}.CONSUMER.INFO.>`,
      // Ordered readers make and drop their own consumers.
      `${api}.CONSUMER.CREATE.>`,
      `${api}.CONSUMER.DELETE.>`,
      ...[buckets.nodes, buckets.attempts, buckets.gatherLeases, buckets.gatherMarks, buckets.state].map(
        (name) => `$KV.${name}.>`,
      ),
    ],
    subscribe: ['_INBOX.agent.>'],
  },
  /** Brings events in, and what they claim; reads nothing back. */
  source: {
    publish: [streamSubjects.EVENTS, streamSubjects.CLAIMS, `${api}.INFO`, `${api}.STREAM.INFO.${streams.events}`],
    subscribe: ['_INBOX.source.>'],
    never: [eventSubject(platformSubjects)],
  },
  /** Reads streams. That it writes none is not held: answers go to any reply (docs/security.md, "does not hold back yet"). */
  viewer: {
    publish: [`${api}.INFO`, `${api}.STREAM.NAMES`, flowControl, ...openStreams.flatMap((stream) => readingOf(stream))],
    subscribe: ['_INBOX.viewer.>'],
  },
};

/** What a token's user may: its roles' subjects together, publishing narrowed to the subjects it was given. */
export function tokenPermissions(roles: readonly NatsRole[], subjects: readonly string[]): SubjectPermissions {
  const narrowed = (subject: string) =>
    subject === streamSubjects.EVENTS && subjects.length > 0 ? subjects.map((each) => eventSubject(each)) : [subject];
  return {
    publish: [...new Set(roles.flatMap((role) => rolePermissions[role].publish.flatMap(narrowed)))],
    subscribe: roles.flatMap((role) => rolePermissions[role].subscribe),
    never: roles.flatMap((role) => rolePermissions[role].never ?? []),
  };
}

/** Consumers without acks and direct reads: nothing that changes what others see. */
function readingOf(stream: StreamName): string[] {
  return [
    `${api}.STREAM.INFO.${stream}`,
    `${api}.STREAM.MSG.GET.${stream}`,
    `${api}.DIRECT.GET.${stream}`,
    `${api}.DIRECT.GET.${stream}.>`,
    `${api}.CONSUMER.CREATE.${stream}`,
    `${api}.CONSUMER.CREATE.${stream}.>`,
    `${api}.CONSUMER.INFO.${stream}.>`,
    `${api}.CONSUMER.MSG.NEXT.${stream}.>`,
    `${api}.CONSUMER.DELETE.${stream}.>`,
  ];
}
