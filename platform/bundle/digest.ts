/** Names by content: the artifact's digest, and the version's, which also covers the spec. */
import { createHash } from 'node:crypto';
import type { ArtifactFile, FunctionSpec } from '#proto';

export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** sha256 over the artifact's digest, the spec and the files; the order in which keys were written does not count. */
export function versionDigest(artifactDigest: string, spec: FunctionSpec, files: readonly ArtifactFile[]): string {
  const config: unknown = spec.configJson === '' ? {} : JSON.parse(spec.configJson);
  const named = canonicalJson({ ...spec, configJson: config });
  return createHash('sha256')
    .update(artifactDigest)
    .update('\n')
    .update(named)
    .update(canonicalJson(files))
    .digest('hex');
}

/** JSON with sorted keys and without undefined members. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    // By code units: the same everywhere, whatever the locale.
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${members.join(',')}}`;
}
