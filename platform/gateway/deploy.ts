/** Takes a deployment: checks the artifact, stores it, makes the consumers, registers the version (in that order). */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import {
  type ArtifactStore,
  consumerName,
  deleteConsumer,
  ensureConsumer,
  eventSubject,
  gatherKey,
  gatherSubject,
  type StreamName,
  sha256,
  streams,
} from '#broker';
import { versionDigest } from '#bundle';
import { type Clock, PlatformError } from '#common';
import type { DeployRequest, DeployResponse, FunctionSpec, FunctionVersion, Trigger } from '#proto';
import type { Registry } from '#registry';
import { artifactBytesMax } from '#rpc';

export interface DeployOptions {
  readonly registry: Registry;
  readonly artifacts: ArtifactStore;
  readonly manager: JetStreamManager;
  readonly gatherMarks: KV;
  readonly clock: Clock;
}

/** A source map may be several times its bundle. */
const sourceMapBytesMax = 4 * artifactBytesMax;

export async function deploy(requests: AsyncIterable<DeployRequest>, options: DeployOptions): Promise<DeployResponse> {
  const { registry, artifacts, manager, clock } = options;
  const { spec, artifactDigest, artifact, sourceMap } = await receive(requests);
  await artifacts.put(artifactDigest, artifact);
  const sourceMapDigest = sourceMap.length > 0 ? sha256(sourceMap) : '';
  if (sourceMapDigest) await artifacts.put(sourceMapDigest, sourceMap);
  const before = registry.list().find((entry) => entry.name === spec.name);
  // Consumers come first: a version that is registered must not miss an event.
  await ensureConsumers(manager, spec, before ? registry.latest(spec.name) : undefined);
  return await registry.deploy({
    function: spec.name,
    digest: versionDigest(artifactDigest, spec),
    artifactDigest,
    artifactBytes: artifact.length,
    createdAtMs: clock.now(),
    spec,
    sourceMapDigest,
  });
}

/** Forgets a function, its consumers and the artifacts that no other function uses. */
export async function remove(name: string, options: DeployOptions): Promise<void> {
  const { registry, artifacts, manager, gatherMarks } = options;
  const { spec } = registry.latest(name);
  const versions = await registry.remove(name);
  for (const trigger of spec?.triggers ?? []) {
    await deleteConsumer(manager, streamOf(trigger), consumerName(name, trigger.name));
    if (!trigger.gather) continue;
    // A later function of the same name must not be given keys whose parts have gone meanwhile.
    await manager.streams.purge(streams.gathers, { filter: gatherSubject(name, trigger.name, '>') });
    await gatherMarks.purge(gatherKey(name, trigger.name));
  }
  const kept = new Set(
    registry
      .list()
      .flatMap((entry) => entry.versions.flatMap((version) => [version.artifactDigest, version.sourceMapDigest])),
  );
  for (const version of versions) {
    for (const digest of [version.artifactDigest, version.sourceMapDigest])
      if (digest && !kept.has(digest)) await artifacts.delete(digest);
  }
}

async function receive(
  requests: AsyncIterable<DeployRequest>,
): Promise<{ spec: FunctionSpec; artifactDigest: string; artifact: Buffer; sourceMap: Buffer }> {
  let spec: FunctionSpec | undefined;
  let artifactDigest = '';
  const artifact: Buffer[] = [];
  const sourceMap: Buffer[] = [];
  const bytes = { artifact: 0, sourceMap: 0 };
  for await (const { part } of requests) {
    if (part?.$case === 'header') {
      spec = part.header.spec;
      artifactDigest = part.header.artifactDigest;
    } else if (part?.$case === 'artifactChunk') {
      artifact.push(part.artifactChunk);
      bytes.artifact += part.artifactChunk.length;
    } else if (part?.$case === 'sourceMapChunk') {
      sourceMap.push(part.sourceMapChunk);
      bytes.sourceMap += part.sourceMapChunk.length;
    }
    if (bytes.artifact > artifactBytesMax || bytes.sourceMap > sourceMapBytesMax) {
      throw new PlatformError('payload-too-large', `the artifact is over the limit of ${artifactBytesMax} bytes`, {
        hint: 'Leave large data out of the bundle.',
      });
    }
  }
  if (!spec?.name) throw new PlatformError('usage', 'a deployment begins with a header that names the function');
  const whole = Buffer.concat(artifact);
  if (sha256(whole) !== artifactDigest) {
    throw new PlatformError(
      'corrupt',
      `the artifact of ${spec.name} arrived with another digest than it was sent with`,
      { hint: 'Deploy again.' },
    );
  }
  return { spec, artifactDigest, artifact: whole, sourceMap: Buffer.concat(sourceMap) };
}

async function ensureConsumers(
  manager: JetStreamManager,
  spec: FunctionSpec,
  before: FunctionVersion | undefined,
): Promise<void> {
  for (const trigger of spec.triggers) {
    const filter = trigger.gather ? gatherSubject(spec.name, trigger.name, '>') : eventSubject(trigger.subject);
    await ensureConsumer(manager, streamOf(trigger), consumerName(spec.name, trigger.name), filter);
  }
  for (const old of before?.spec?.triggers ?? []) {
    const kept = spec.triggers.some((trigger) => trigger.name === old.name && streamOf(trigger) === streamOf(old));
    if (!kept) await deleteConsumer(manager, streamOf(old), consumerName(spec.name, old.name));
  }
}

function streamOf(trigger: Trigger): StreamName {
  return trigger.gather ? streams.gathers : streams.events;
}
