/**
 * What each role may say and hear on NATS: the whole table, allow lists only. A role that is not named for a subject is
 * refused by the server, whatever its process tries. Inboxes belong to a role, so that no role hears another's answers.
 */
import { buckets, type NatsRole, type StreamName, streamSubjects, streams } from '../subjects.ts';

export interface SubjectPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

const api = '$JS.API';
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
      ...Object.values(streamSubjects),
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
  /** Brings events in and reads nothing back. */
  source: {
    publish: [streamSubjects.EVENTS, `${api}.INFO`, `${api}.STREAM.INFO.${streams.events}`],
    subscribe: ['_INBOX.source.>'],
  },
  /** Reads streams and writes none. */
  viewer: {
    publish: [
      `${api}.INFO`,
      `${api}.STREAM.NAMES`,
      flowControl,
      ...Object.values(streams).flatMap((stream) => readingOf(stream)),
    ],
    subscribe: ['_INBOX.viewer.>'],
  },
};

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
