/**
 * What each role may say and hear on NATS: the whole table, allow lists only. A role that is not named for a subject is
 * refused by the server, whatever its process tries. Inboxes belong to a role, so that no role hears another's answers.
 */
import { platformSubjects } from '#common';
import {
  buckets,
  eventSubject,
  type NatsRole,
  pilotApi,
  type StreamName,
  streamSubjects,
  streams,
} from '../subjects.ts';

export interface SubjectPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  /** Not to be published, whatever `publish` says. */
  readonly never?: readonly string[];
}

/** Who did what is for the gateway to write and for the owner to read. */
const openStreams = Object.values(streams).filter((stream) => stream !== streams.audit);
/** Flow control of ordered push readers. */
const flowControl = '$JS.FC.>';

export const rolePermissions: Record<NatsRole, SubjectPermissions> = {
  /** Owns the state: makes streams, buckets, consumers; writes registry and artifacts. */
  gateway: {
    publish: [`${pilotApi}.>`, '$KV.>', '$O.>', '$JS.ACK.>', flowControl, ...Object.values(streamSubjects)],
    subscribe: ['_INBOX.gateway.>'],
  },
  /** Handles events; reads registry and artifacts, and can change neither. */
  agent: {
    publish: [
      ...openStreams.map((stream) => streamSubjects[stream]),
      '$JS.ACK.>',
      flowControl,
      `${pilotApi}.INFO`,
      `${pilotApi}.STREAM.INFO.>`,
      `${pilotApi}.STREAM.NAMES`,
      `${pilotApi}.STREAM.MSG.GET.>`,
      `${pilotApi}.DIRECT.GET.>`,
      `${pilotApi}.CONSUMER.MSG.NEXT.>`,
      `${pilotApi}.CONSUMER.INFO.>`,
      // Ordered readers make and drop their own consumers.
      `${pilotApi}.CONSUMER.CREATE.>`,
      `${pilotApi}.CONSUMER.DELETE.>`,
      ...[buckets.nodes, buckets.attempts, buckets.gatherLeases, buckets.gatherMarks, buckets.state].map(
        (name) => `$KV.${name}.>`,
      ),
    ],
    subscribe: ['_INBOX.agent.>'],
  },
  /** Brings events in, and what they claim; reads nothing back. */
  source: {
    publish: [
      streamSubjects.EVENTS,
      streamSubjects.CLAIMS,
      `${pilotApi}.INFO`,
      `${pilotApi}.STREAM.INFO.${streams.events}`,
    ],
    subscribe: ['_INBOX.source.>'],
    never: [eventSubject(platformSubjects)],
  },
  /**
   * Reads streams. The servers send an answer to whatever reply a request names, so this list does not hold whoever means
   * harm: these are keys of the pilot's owner. Others get a token (token-account.ts).
   */
  viewer: {
    publish: [
      `${pilotApi}.INFO`,
      `${pilotApi}.STREAM.NAMES`,
      flowControl,
      ...openStreams.flatMap((stream) => readingOf(stream)),
    ],
    subscribe: ['_INBOX.viewer.>'],
  },
};

/** Consumers without acks and direct reads: nothing that changes what others see. */
function readingOf(stream: StreamName): string[] {
  return [
    `${pilotApi}.STREAM.INFO.${stream}`,
    `${pilotApi}.STREAM.MSG.GET.${stream}`,
    `${pilotApi}.DIRECT.GET.${stream}`,
    `${pilotApi}.DIRECT.GET.${stream}.>`,
    `${pilotApi}.CONSUMER.CREATE.${stream}`,
    `${pilotApi}.CONSUMER.CREATE.${stream}.>`,
    `${pilotApi}.CONSUMER.INFO.${stream}.>`,
    `${pilotApi}.CONSUMER.MSG.NEXT.${stream}.>`,
    `${pilotApi}.CONSUMER.DELETE.${stream}.>`,
  ];
}
