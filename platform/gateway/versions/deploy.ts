/** Takes a deployment: checks the artifact, stores it, makes the consumers, registers the version (in that order). */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import {
  type ArtifactStore,
  consumerName,
  deleteConsumer,
  ensureConsumer,
  gatherKey,
  orderSubject,
  removeShard,
  retrySubject,
  sha256,
  stateFilter,
  stateStream,
  streams,
} from '#broker';
import { versionDigest } from '#bundle';
import { type Clock, PlatformError } from '#common';
import {
  type DeployRequest,
  type DeployResponse,
  type FunctionSpec,
  type FunctionVersion,
  type RollbackResponse,
  Trigger,
} from '#proto';
import { latestAlias, previousAlias, type Registry, type TriggerStates } from '#registry';
import { shardCount } from '#routing';
import { replayAnchor } from '../events/replay-anchor.ts';
import {
  beginsAlike,
  gatherFilters,
  isCollected,
  triggerFilters,
  triggerStart,
  triggerStream,
} from '../events/trigger-stream.ts';
import { overlappingRoute } from '../http/index.ts';
import { receiveDeployment } from './receive-deployment.ts';
import { requireBeginnings } from './trigger-beginning.ts';

export interface DeployOptions {
  readonly registry: Registry;
  readonly artifacts: ArtifactStore;
  readonly manager: JetStreamManager;
  readonly gatherMarks: KV;
  readonly triggerStates: TriggerStates;
  readonly clock: Clock;
}

/** `requireName` throws where the caller may not deploy a function of that name. */
export async function deploy(
  requests: AsyncIterable<DeployRequest>,
  options: DeployOptions,
  requireName: (name: string) => void,
): Promise<DeployResponse> {
  const { registry, artifacts, clock } = options;
  const { spec, canary, artifactDigest, artifact, sourceMap, files } = await receiveDeployment(requests, requireName);
  const before = registry.list().find((entry) => entry.name === spec.name);
  const latest = before && registry.latest(spec.name);
  if (canary && latest) requireSameTriggers(spec, latest);
  if (latest?.spec) requireSameReading(spec, latest.spec, latest.number);
  const taken = overlappingRoute(
    spec,
    registry.list().flatMap(({ name }) => registry.latest(name).spec ?? []),
  );
  if (taken) throw new PlatformError('conflict', taken, { hint: 'Choose another `path`.' });
  await requireBeginnings(spec, latest?.spec, options);
  await artifacts.put(artifactDigest, artifact);
  for (const { file, data } of files) await artifacts.put(file.digest, data);
  const sourceMapDigest = sourceMap.length > 0 ? sha256(sourceMap) : '';
  if (sourceMapDigest) await artifacts.put(sourceMapDigest, sourceMap);
  // Consumers come first: a version that is registered must not miss an event.
  await ensureConsumers(options, spec, latest, true);
  const described = files.map(({ file }) => file);
  const version = {
    function: spec.name,
    digest: versionDigest(artifactDigest, spec, described),
    artifactDigest,
    artifactBytes: artifact.length,
    createdAtMs: clock.now(),
    spec,
    sourceMapDigest,
    files: described,
  };
  return await registry.deploy(version, canary && { ...canary, startedAtMs: clock.now() });
}

/** Points `latest` at a version that is there: its consumers first, as at its deployment. */
export async function pointLatest(name: string, number: number, options: DeployOptions): Promise<FunctionVersion> {
  const { registry } = options;
  const version = registry.resolve(name, String(number));
  const latest = registry.latest(name);
  if (version.spec && latest.spec) requireSameReading(version.spec, latest.spec, latest.number);
  if (version.spec) await ensureConsumers(options, version.spec, latest, false);
  await registry.setAlias(name, latestAlias, number);
  return version;
}

/** Withdraws the canary; without one `latest` goes to the version named, or to the one before. Throws `not-found`. */
export async function rollback(name: string, selector: string, options: DeployOptions): Promise<RollbackResponse> {
  const { registry } = options;
  const tried = registry.canaryOf(name);
  if (tried && selector === '') {
    await registry.endCanary(name, 'withdrawn by hand');
    return { version: registry.latest(name), canaryWithdrawn: true };
  }
  if (selector === '' && !registry.get(name).aliases.has(previousAlias)) {
    throw new PlatformError('not-found', `function "${name}" has had no other version before`, {
      hint: `\`pilotfish versions ${name}\` lists those that there are.`,
    });
  }
  const { number } = registry.resolve(name, selector || previousAlias);
  return { version: await pointLatest(name, number, options), canaryWithdrawn: false };
}

/** Makes the canary the latest version. Throws `not-found` where there is none. */
export async function promote(name: string, options: DeployOptions): Promise<FunctionVersion> {
  const tried = options.registry.canaryOf(name);
  if (tried) return await pointLatest(name, tried.version.number, options);
  throw new PlatformError('not-found', `function "${name}" has no canary`, {
    hint: '`pilotfish deploy PATH --canary 10` makes one.',
  });
}

/** Both read the same consumers: a trigger that only one of them has would be half read. */
function requireSameTriggers(spec: FunctionSpec, latest: FunctionVersion): void {
  const triggersOf = ({ triggers }: FunctionSpec) =>
    triggers.map((trigger) => Buffer.from(Trigger.encode(trigger).finish()).toString('hex')).join();
  if (latest.spec && triggersOf(spec) === triggersOf(latest.spec)) return;
  throw new PlatformError('invalid', `a canary must have the triggers of version ${latest.number}, and these differ`, {
    hint: 'Deploy a change of `on` without --canary.',
  });
}

/** What is under way would be lost, or be handled twice. */
function requireSameReading(spec: FunctionSpec, latest: FunctionSpec, number: number): void {
  const streams = ({ gather }: Trigger) => gather?.streaming ?? false;
  const changed = spec.triggers.find((trigger) =>
    latest.triggers.some((old) => old.name === trigger.name && old.gather && streams(old) !== streams(trigger)),
  );
  if (changed) {
    throw new PlatformError(
      'conflict',
      `whether trigger "${changed.name}" is streaming is fixed since version ${number}`,
      {
        hint: 'Give the trigger another name: it begins with all that is stored.',
      },
    );
  }
  if (spec.order?.key === latest.order?.key) return;
  const kept = spec.triggers.find(({ name }) => latest.triggers.some((old) => old.name === name));
  if (!kept) return;
  throw new PlatformError('conflict', `the order of trigger "${kept.name}" is fixed since version ${number}`, {
    hint: 'Give the trigger another name with the new order: it begins with all that is stored.',
  });
}

/** Forgets a function, its consumers and the artifacts that no other function uses. */
export async function remove(name: string, options: DeployOptions): Promise<void> {
  const { registry, artifacts, manager, gatherMarks, triggerStates } = options;
  const { spec } = registry.latest(name);
  const versions = await registry.remove(name);
  for (const trigger of spec?.triggers ?? []) {
    await triggerStates.forget(name, trigger.name);
    await deleteConsumer(manager, streams.retries, consumerName(name, trigger.name));
    if (spec?.order) await removeOrder(name, trigger.name, options);
    else await deleteConsumer(manager, triggerStream(trigger), consumerName(name, trigger.name));
    await forgetMarks(gatherMarks, gatherKey(name, trigger.name));
    if (!isCollected(trigger)) continue;
    // A later function of the same name must not be given keys whose parts have gone meanwhile.
    for (const filter of gatherFilters(name, trigger.name)) await manager.streams.purge(streams.gathers, { filter });
  }
  // A later function of the same name must be given neither this one's failed events nor its state.
  await manager.streams.purge(streams.retries, { filter: retrySubject(name, '>') });
  await manager.streams.purge(stateStream, { filter: stateFilter(name) });
  const kept = new Set(registry.list().flatMap((entry) => entry.versions.flatMap(digestsOf)));
  for (const version of versions)
    for (const digest of digestsOf(version)) if (digest && !kept.has(digest)) await artifacts.delete(digest);
}

/** A gatherer's watermark, or what a source has done; the latter in several keys below the trigger's. */
async function forgetMarks(marks: KV, key: string): Promise<void> {
  for await (const found of await marks.keys([key, `${key}.>`])) await marks.purge(found);
}

/** A later function of the same name begins anew. */
async function removeOrder(
  functionName: string,
  trigger: string,
  { manager, gatherMarks }: Pick<DeployOptions, 'manager' | 'gatherMarks'>,
): Promise<void> {
  await gatherMarks.purge(gatherKey(functionName, trigger));
  await manager.streams.purge(streams.ordered, { filter: orderSubject(functionName, trigger, '*') });
  for (let shard = 0; shard < shardCount; shard++)
    await removeShard(manager, gatherMarks, { functionName, trigger, shard });
}

function digestsOf({ artifactDigest, sourceMapDigest, files }: FunctionVersion): string[] {
  return [artifactDigest, sourceMapDigest, ...files.map(({ digest }) => digest)];
}

/** A trigger that a deployment gives another beginning begins anew; a rollback moves no reader. */
async function ensureConsumers(
  options: DeployOptions,
  spec: FunctionSpec,
  before: FunctionVersion | undefined,
  mayRestart: boolean,
): Promise<void> {
  const { manager } = options;
  const oldTriggers = before?.spec?.triggers ?? [];
  for (const trigger of spec.triggers) {
    const name = consumerName(spec.name, trigger.name);
    const old = oldTriggers.find((candidate) => candidate.name === trigger.name);
    const restarts = mayRestart && (!old || !beginsAlike(old, trigger));
    if (old && restarts && !spec.order) await deleteConsumer(manager, triggerStream(old), name);
    if (restarts) await beginReplay(trigger, spec.name, options);
    // With order its events are read by the node that puts them in line, and come through shards.
    if (!spec.order)
      await ensureConsumer(
        manager,
        triggerStream(trigger),
        name,
        triggerFilters(spec.name, trigger),
        triggerStart(trigger),
      );
    await ensureConsumer(manager, streams.retries, name, retrySubject(spec.name, trigger.name));
  }
  for (const old of oldTriggers) await dropUnlessKept(options, spec, old, before?.spec?.order !== undefined);
}

async function beginReplay(trigger: Trigger, functionName: string, options: DeployOptions): Promise<void> {
  const { manager, triggerStates, clock } = options;
  const anchor = await replayAnchor(manager, trigger, clock);
  const { replayFromMs } = triggerStates.get(functionName, trigger.name);
  if (anchor.replayFromMs > 0 || replayFromMs > 0) await triggerStates.set(functionName, trigger.name, anchor);
}

async function dropUnlessKept(
  options: DeployOptions,
  spec: FunctionSpec,
  old: Trigger,
  hadOrder: boolean,
): Promise<void> {
  const { manager, triggerStates } = options;
  const same = spec.triggers.find((trigger) => trigger.name === old.name);
  if (same && triggerStream(same) === triggerStream(old)) return;
  if (hadOrder) await removeOrder(spec.name, old.name, options);
  else await deleteConsumer(manager, triggerStream(old), consumerName(spec.name, old.name));
  await manager.streams.purge(streams.retries, { filter: retrySubject(spec.name, old.name) });
  if (same) return;
  await deleteConsumer(manager, streams.retries, consumerName(spec.name, old.name));
  await triggerStates.forget(spec.name, old.name);
}
