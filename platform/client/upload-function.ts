/** A function on its way to the gateway: a header, then its artifact, its source map and its files in pieces. */
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { PlatformError } from '#common';
import type { DeployRequest, DeployResponse, FunctionSpec, GatewayClient } from '#proto';
import { artifactChunkBytes, fromServiceError } from '#rpc';
import { uploadAgainMs } from './limits.ts';

/** What `bundleFunction` makes. */
export interface Deployable {
  readonly spec: FunctionSpec;
  readonly artifact: Uint8Array;
  readonly artifactDigest: string;
  readonly sourceMap: Uint8Array;
  /** Files that travel beside the artifact. */
  readonly files: readonly {
    readonly path: string;
    readonly digest: string;
    readonly bytes: number;
    readonly data: Uint8Array;
  }[];
}

/** How a version is tried beside the latest one. */
export interface CanaryOptions {
  /** Of 100 calls and events, how many: 1 to 99. */
  readonly percent: number;
  /** It is withdrawn when more of 100 fail. */
  readonly errorPercentMax: number;
  /** It is withdrawn when its p99 is longer; left out: however long it takes. */
  readonly p99MsMax?: number;
}

/**
 * Uploads no faster than the gateway reads, and again where the connection was lost on the way: a version is known by its
 * digest, so whatever came of the first try, the next one changes nothing that it should not. Rejects with what the gateway
 * says, and with `unavailable` once no try is left.
 */
export async function uploadFunction(
  client: GatewayClient,
  bundle: Deployable,
  canary?: CanaryOptions,
): Promise<DeployResponse> {
  for (const pauseMs of uploadAgainMs) {
    try {
      return await uploadOnce(client, bundle, canary);
    } catch (thrown) {
      if (PlatformError.from(thrown).code !== 'unavailable') throw thrown;
      await wait(pauseMs);
    }
  }
  return await uploadOnce(client, bundle, canary);
}

async function uploadOnce(client: GatewayClient, bundle: Deployable, canary?: CanaryOptions): Promise<DeployResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<DeployResponse>();
  const stream = client.deploy((error, response) => (error ? reject(fromServiceError(error)) : resolve(response)));
  // grpc-js tells of a refusal twice; the callback's is enough.
  stream.on('error', () => undefined);
  const failed = promise.then(
    () => undefined,
    () => undefined,
  );
  for (const part of deployParts(bundle, canary)) {
    if (!stream.writable) break;
    if (!stream.write(part)) await Promise.race([once(stream, 'drain'), failed]);
  }
  stream.end();
  return promise;
}

function* deployParts(bundle: Deployable, canary?: CanaryOptions): Generator<DeployRequest> {
  const files = bundle.files.map(({ path, digest, bytes }) => ({ path, digest, bytes }));
  const { spec, artifactDigest } = bundle;
  const tried = canary && { p99MsMax: 0, ...canary, number: 0, startedAtMs: 0, ended: '' };
  yield { part: { $case: 'header', header: { spec, artifactDigest, files, canary: tried } } };
  for (const chunk of chunks(bundle.artifact)) yield { part: { $case: 'artifactChunk', artifactChunk: chunk } };
  for (const chunk of chunks(bundle.sourceMap)) yield { part: { $case: 'sourceMapChunk', sourceMapChunk: chunk } };
  for (const [index, { data }] of bundle.files.entries())
    for (const chunk of chunks(data)) yield { part: { $case: 'fileChunk', fileChunk: { index, data: chunk } } };
}

function* chunks(bytes: Uint8Array): Generator<Buffer> {
  for (let from = 0; from < bytes.byteLength; from += artifactChunkBytes) {
    yield Buffer.from(bytes.subarray(from, from + artifactChunkBytes));
  }
}
