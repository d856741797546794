/**
 * The only place where a stream, bucket, consumer or subject is named.
 *
 *   ev.<subject as users write it>     EVENTS        sources' events and functions' outputs
 *   gather.<function>.<trigger>.<key>  GATHERS       one event a closed key (G4)
 *   gather.<function>.<trigger>-open.<key>  GATHERS  one event an opened key of a streaming gather (G13)
 *   retry.<function>.<trigger>         RETRIES       events parked until their next try, and redriven ones
 *   order.<function>.<trigger>.<shard> ORDERED       events of triggers with order, in line behind those of their keys
 *   call.<function>.<id>               CALLS         asynchronous calls that have not ended
 *   result.<function>.<id>             CALL_RESULTS  the state of each asynchronous call, and its result once it is done
 *   dlq.<function>                     DEAD_LETTERS  what failed for good (R4)
 *   log.<function>.<instance>          LOGS          bounded, oldest lines go first
 *   audit.<who>                        AUDIT         changes and refusals; bounded, oldest go first
 *   claim.note.<place>.<name>          CLAIMS        which event has claimed a payload, until it is released
 *   claim.chunk.<name>.<number>        CLAIMS        pieces of claimed payloads that found no folder
 */

import { isPlatformSubject, PlatformError } from '#common';

export const streams = {
  events: 'EVENTS',
  gathers: 'GATHERS',
  retries: 'RETRIES',
  ordered: 'ORDERED',
  calls: 'CALLS',
  callResults: 'CALL_RESULTS',
  deadLetters: 'DEAD_LETTERS',
  logs: 'LOGS',
  audit: 'AUDIT',
  claims: 'CLAIMS',
} as const;

export type StreamName = (typeof streams)[keyof typeof streams];

export const streamSubjects: Record<StreamName, string> = {
  EVENTS: 'ev.>',
  GATHERS: 'gather.>',
  RETRIES: 'retry.>',
  ORDERED: 'order.>',
  CALLS: 'call.>',
  CALL_RESULTS: 'result.>',
  DEAD_LETTERS: 'dlq.>',
  LOGS: 'log.>',
  AUDIT: 'audit.>',
  CLAIMS: 'claim.>',
};

/** Everything in a stream. */
export function streamFilter(stream: StreamName): string {
  return streamSubjects[stream];
}

export const buckets = {
  /** Versions, aliases, wanted sets, the gateway's epoch: history kept, no age. */
  registry: 'registry',
  /** Agents' addresses; entries end by age when an agent falls silent. */
  nodes: 'nodes',
  /** What gateways have counted and seen, for the next one. */
  observed: 'observed',
  /** Failed attempts of events still being tried. */
  attempts: 'attempts',
  /** Gatherers' leases, ended by age. */
  gatherLeases: 'gather-leases',
  /** Gatherers' watermarks. */
  gatherMarks: 'gather-marks',
  /** Functions' own values (ctx.state). */
  state: 'state',
  /** Tokens, by id. */
  tokens: 'tokens',
  /** Values of secrets, written by the gateway. */
  secrets: 'secrets',
} as const;

/** Object store of artifacts and source maps, named by digest. */
export const artifactStore = 'artifacts';

const eventPrefix = 'ev.';

/** ev.<subject>: where an event that users call `subject` is stored. Wildcards pass through. */
export function eventSubject(subject: string): string {
  return eventPrefix + subject;
}

/** Subjects are part of consumer filters, keys and file names. */
const subjectCharsMax = 256;

/** Where an event published on `subject` is stored. Throws `invalid` for a blank, a wildcard or an empty token: NATS would be silent or close the line. */
export function publishSubject(subject: string): string {
  if (isPlatformSubject(subject)) {
    throw new PlatformError('invalid', `${JSON.stringify(subject)} is for the platform's own events`, {
      hint: 'Choose a subject with another first token.',
    });
  }
  if (subject.length <= subjectCharsMax && subject.split('.').every((token) => /^[^\s*>{}]+$/.test(token)))
    return eventSubject(subject);
  throw new PlatformError('invalid', `${JSON.stringify(subject)} is no subject to publish on`, {
    hint: 'Join tokens with dots; no blanks, no "*" or ">".',
  });
}

/** Where the events of a pattern are stored. Throws `invalid` for what no event's subject could match. */
export function readSubject(pattern: string): string {
  const tokens = pattern.split('.');
  const isToken = (token: string, at: number) =>
    token === '*' || (token === '>' && at === tokens.length - 1) || /^[^\s*>{}]+$/.test(token);
  if (pattern.length <= subjectCharsMax && tokens.every(isToken)) return eventSubject(pattern);
  throw new PlatformError('invalid', `${JSON.stringify(pattern)} is no subject to read`, {
    hint: 'Join tokens with dots; "*" stands for one token, ">" at the end for all that follow; no blanks.',
  });
}

/** The users' name of a stored event's subject. */
export function userSubject(stored: string): string {
  return stored.startsWith(eventPrefix) ? stored.slice(eventPrefix.length) : stored;
}

/** gather.<function>.<trigger>.<key>; pass "*" as key for a consumer's filter. Keys may hold several tokens. */
export function gatherSubject(functionName: string, trigger: string, key: string): string {
  return `gather.${functionName}.${trigger}.${key}`;
}

/** gather.<function>.<trigger>-open.<key>; no name of a trigger has a hyphen. Pass ">" as key for a consumer's filter. */
export function openedSubject(functionName: string, trigger: string, key: string): string {
  return gatherSubject(functionName, `${trigger}${openedSuffix}`, key);
}

const openedSuffix = '-open';

/** What the subject of a message in GATHERS says. */
export function parseGatherSubject(subject: string): {
  readonly functionName: string;
  readonly trigger: string;
  readonly key: string;
  readonly opened: boolean;
} {
  const [, functionName = '', name = '', ...key] = subject.split('.');
  const opened = name.endsWith(openedSuffix);
  const trigger = opened ? name.slice(0, -openedSuffix.length) : name;
  return { functionName, trigger, key: key.join('.'), opened };
}

/** retry.<function>.<trigger>; pass ">" as trigger for all of a function. */
export function retrySubject(functionName: string, trigger: string): string {
  return `retry.${functionName}.${trigger}`;
}

/** order.<function>.<trigger>.<shard>; pass "*" as shard for all of a trigger. */
export function orderSubject(functionName: string, trigger: string, shard: number | '*'): string {
  return `order.${functionName}.${trigger}.${shard}`;
}

/** The consumer of one owner's time with a shard: a former owner's pulls and acks name another, and reach nobody. */
export function shardConsumerName(functionName: string, trigger: string, shard: number, epoch: string): string {
  return `order-${functionName}-${trigger}-${shard}-${epoch}`;
}

/** Key of a shard's lease and of the mark that names its consumer. */
export function shardKey(functionName: string, trigger: string, shard: number): string {
  return `${functionName}.${trigger}.${shard}`;
}

/** call.<function>.<id> */
export function callSubject(functionName: string, id: string): string {
  return `call.${functionName}.${id}`;
}

/** result.<function>.<id>; "*" stands for all. */
export function callResultSubject(functionName: string, id: string): string {
  return `result.${functionName}.${id}`;
}

/** The durable consumer of all asynchronous calls. */
export const callsConsumer = 'gateway-calls';

/** dlq.<function> */
export function deadLetterSubject(functionName: string): string {
  return `dlq.${functionName}`;
}

/** log.<function>.<instance> */
export function logSubject(functionName: string, instanceId: string): string {
  return `log.${functionName}.${instanceId}`;
}

/** claim.note.<place>.<name> */
export function claimNoteSubject(place: string, name: string): string {
  return `claim.note.${place}.${name}`;
}

/** All notes. */
export const claimNotes = 'claim.note.>';

/** claim.chunk.<name>.<number>; pass ">" as number for all of a payload. */
export function claimChunkSubject(name: string, number: number | '>'): string {
  return `claim.chunk.${name}.${number}`;
}

/** Filter of all log lines of a function. */
export function logFilter(functionName: string): string {
  return `log.${functionName}.*`;
}

/** audit.<who>; names of certificates hold no dots. */
export function auditSubject(who: string): string {
  return `audit.${who.replaceAll(/[^\w-]/g, '_') || '_'}`;
}

/** fn-<function>-<trigger>: the durable consumer of one trigger (R1). */
export function consumerName(functionName: string, trigger: string): string {
  return `fn-${functionName}-${trigger}`;
}

/** Where JetStream is asked: in the pilot's account, and in that of tokens. */
export const pilotApi = '$JS.API';
export const tokenApi = '$JS.pilot.API';

/** The API subject that answers with a stream's configuration and state. */
export function streamInfoSubject(stream: StreamName, api = pilotApi): string {
  return `${api}.STREAM.INFO.${stream}`;
}

/** The API subject of a pull. */
export function pullSubject(stream: StreamName, consumer: string): string {
  return `${pilotApi}.CONSUMER.MSG.NEXT.${stream}.${consumer}`;
}

/** Keys of the registry bucket. */
export const registryKeys = {
  epoch: 'gateway.epoch',
  version: (functionName: string, number: number) => `version.${functionName}.${number}`,
  versions: 'version.>',
  alias: (functionName: string, alias: string) => `alias.${functionName}.${alias}`,
  aliases: 'alias.>',
  canary: (functionName: string) => `canary.${functionName}`,
  canaries: 'canary.>',
  wanted: (id: string) => `wanted.${id}`,
  wantedAll: 'wanted.>',
  trigger: (functionName: string, trigger: string) => `trigger.${functionName}.${trigger}`,
  triggers: 'trigger.>',
  scale: (functionName: string) => `scale.${functionName}`,
  scales: 'scale.>',
  /** Of the gateway's door for HTTP, while it is on this node. */
  httpPort: (node: string) => `http.${node}`,
} as const;

/** Keys of the bucket of what gateways have seen. */
export const observedKeys = {
  totals: (functionName: string) => `totals.${functionName}`,
  happenings: 'happenings',
  decisions: (functionName: string) => `decisions.${functionName}`,
  nodeDecisions: 'node-decisions',
} as const;

/** attempts.<function>.<trigger>.<stream sequence>, "-" and the place in its pack behind it for a member of one. */
export function attemptsKey(functionName: string, trigger: string, event: number | string): string {
  return `${functionName}.${trigger}.${event}`;
}

/** Key of a gather trigger's lease and watermark. */
export function gatherKey(functionName: string, trigger: string): string {
  return `${functionName}.${trigger}`;
}

/** <function>.<key>; a key is any text, so it is written in base64. */
export function stateKey(functionName: string, key: string): string {
  return `${functionName}.${Buffer.from(key).toString('base64url') || '-'}`;
}

/** Where a value is stored in the bucket's stream. */
export function stateSubject(key: string): string {
  return `$KV.${buckets.state}.${key}`;
}

/** The stream under the bucket of state, and in it all values of a function. */
export const stateStream = `KV_${buckets.state}`;
export function stateFilter(functionName: string): string {
  return `$KV.${buckets.state}.${functionName}.>`;
}

/** The roles that hold NATS keys; an inbox prefix belongs to a role, so that no role hears another's answers. */
export type NatsRole = 'gateway' | 'agent' | 'source' | 'viewer';

/** `member`: who of the role; for a token its id, and behind a dot which of its programs. */
export function inboxPrefix(role: NatsRole, member: string): string {
  return `_INBOX.${role}.${member}`;
}
