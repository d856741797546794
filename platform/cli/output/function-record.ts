/** The shapes that `-o json` and `-o yaml` promise for functions, versions, instances and nodes. */
import type { Canary, FunctionSpec, FunctionSummary, FunctionVersion, Instance, Node } from '#proto';

export function functionRecord(summary: FunctionSummary): object {
  const { name, latest, aliases, instancesReady, instancesWanted, lag, handled, failed, scaleReason, canary } = summary;
  return {
    name,
    latest: latest ? versionRecord(latest) : null,
    aliases,
    instancesReady,
    instancesWanted,
    lag: lag < 0 ? null : lag,
    handled,
    failed,
    scaleReason,
    canary: canary ? canaryRecord(canary) : null,
  };
}

function canaryRecord({ startedAtMs, ...rest }: Canary): object {
  return { ...rest, startedAt: new Date(startedAtMs).toISOString() };
}

export function versionRecord(version: FunctionVersion): object {
  const { number, digest, artifactDigest, artifactBytes, createdAtMs, spec } = version;
  return {
    number,
    digest,
    artifactDigest,
    artifactBytes,
    createdAt: new Date(createdAtMs).toISOString(),
    spec: spec ? specRecord(spec) : {},
  };
}

export function specRecord({ configJson, ...rest }: FunctionSpec): object {
  return { ...rest, config: configJson === '' ? {} : JSON.parse(configJson) };
}

export function instanceRecord(instance: Instance): object {
  const { startedAtMs, ...rest } = instance;
  return { ...rest, startedAt: new Date(startedAtMs).toISOString() };
}

export function nodeRecord(node: Node): object {
  return { ...node, instances: node.instances.map(instanceRecord) };
}
