/** NATS and JetStream: names, streams and buckets, pulling, publishing, artifacts, the server's configuration. */

export { ArtifactStore, sha256 } from './nats/artifact-store.ts';
export { askStream, type StreamMessage } from './nats/ask-stream.ts';
export { readChunks } from './nats/claim-chunks.ts';
export { type ClaimNote, ClaimWriter, findClaimFolder, openClaimFolder } from './nats/claim-writer.ts';
export { removeServers } from './nats/cluster-members.ts';
export { connectNats, type NatsOptions, readSeed } from './nats/connect.ts';
export type { DeadEvent, DeadLetterBody, FailedAttempt } from './nats/dead-letter-body.ts';
export {
  EventPublisher,
  type EventPublisherOptions,
  type PubAck,
  readPubAck,
  type Settled,
} from './nats/event-publisher.ts';
export { EventPuller, type EventPullerOptions } from './nats/event-puller.ts';
export { type GatherMarkRecord, readGatherMark } from './nats/gather-mark-record.ts';
export {
  bodySizeHeader,
  decodeHeaders,
  encodeHeaders,
  encodeHeadersWithId,
  headerLines,
  messageIdHeader,
} from './nats/message-headers.ts';
export { type EventName, eventName, isPack, membersOf } from './nats/packed-event.ts';
export type { PulledEvent, RetryMark } from './nats/pulled-event.ts';
export { type ReadStart, type ReadStreamOptions, readStream } from './nats/read-stream.ts';
export {
  decodeRetry,
  type EventOrigin,
  encodeRetry,
  originOf,
  ownHeaders,
  retryId,
} from './nats/retry-message.ts';
export { openShardConsumer, removeShard, type ShardPlace } from './nats/shard-consumer.ts';
export { spareCopies } from './nats/spare-copies.ts';
export { type StateValue, StateValues } from './nats/state-values.ts';
export { blockTag, placeStreams, straying } from './nats/stream-placement.ts';
export { type StoredMessage, StreamReader, type StreamReaderOptions } from './nats/stream-reader.ts';
export {
  type Buckets,
  type ConsumerStart,
  claimTtlMs,
  consumerStart,
  createBuckets,
  deleteConsumer,
  duplicateWindowMs,
  ensureConsumer,
  ensureStreams,
  gatherLeaseMs,
  leaseMs,
  messageBytesMax,
  nodeSilenceMs,
  openBuckets,
  readLag,
  readOrderedLag,
  type TopologyOptions,
} from './nats/topology.ts';
export {
  type ClusterOptions,
  checkServerVersion,
  locateServer,
  readServerAddress,
  renderServerConfig,
  rolePermissions,
  type ServerConfigOptions,
  type ServerSearch,
  type TokenOnStreams,
} from './server/index.ts';
export {
  attemptsKey,
  auditSubject,
  callResultSubject,
  callSubject,
  callsConsumer,
  claimChunkSubject,
  claimNoteSubject,
  claimNotes,
  consumerName,
  deadLetterSubject,
  eventSubject,
  gatherKey,
  gatherSubject,
  inboxPrefix,
  logFilter,
  logSubject,
  type NatsRole,
  observedKeys,
  openedSubject,
  orderSubject,
  parseGatherSubject,
  pilotApi,
  publishSubject,
  readSubject,
  registryKeys,
  retrySubject,
  type StreamName,
  shardKey,
  stateFilter,
  stateKey,
  stateStream,
  streamFilter,
  streamInfoSubject,
  streams,
  tokenApi,
  userSubject,
} from './subjects.ts';
