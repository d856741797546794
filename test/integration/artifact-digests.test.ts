/** A function's bytes are what their digest says at every hop: taken in, stored, fetched, and lying on a node. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ArtifactStore, connectNats, sha256 } from '#broker';
import { DeployRequest, FunctionSpec } from '#proto';
import { ArtifactCache } from '../../platform/agent/instances/artifact-cache.ts';
import { receiveDeployment } from '../../platform/gateway/versions/receive-deployment.ts';
import { startTestServer, type TestServer } from '../harness/nats-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'pilotfish-digests-'));
const bytes = Buffer.from('module.exports = {}');
const digest = createHash('sha256').update(bytes).digest('hex');
let server: TestServer;
let connection: NatsConnection;
let store: ArtifactStore;

beforeAll(async () => {
  server = await startTestServer();
  const { address, seeds } = server;
  connection = await connectNats({ servers: [`nats://${address}`], seed: seeds.gateway, role: 'gateway', member: 't' });
  store = await ArtifactStore.create(connection, { storeBytes: 64 * 2 ** 20, replicas: 1 });
});
afterAll(async () => {
  await connection?.close();
  await server?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

async function* parts(artifact: Uint8Array, file: Uint8Array): AsyncGenerator<DeployRequest> {
  const spec = FunctionSpec.fromPartial({ name: 'f', kind: 'typescript' });
  const files = [{ path: 'a.bin', digest, bytes: bytes.length }];
  const header = { spec, artifactDigest: digest, files, canary: undefined };
  yield DeployRequest.fromPartial({ part: { $case: 'header', header } });
  yield DeployRequest.fromPartial({ part: { $case: 'artifactChunk', artifactChunk: Buffer.from(artifact) } });
  yield DeployRequest.fromPartial({ part: { $case: 'fileChunk', fileChunk: { index: 0, data: Buffer.from(file) } } });
}

const other = Buffer.from('module.exports = []');

it('the gateway takes in what was sent, artifact and files, and nothing that became something else', async () => {
  const receive = (artifact: Uint8Array, file: Uint8Array) => receiveDeployment(parts(artifact, file), () => undefined);
  await expect(receive(bytes, bytes)).resolves.toMatchObject({ artifactDigest: digest });
  await expect(receive(other, bytes)).rejects.toMatchObject({ code: 'corrupt', message: /the artifact of f/ });
  await expect(receive(bytes, other)).rejects.toMatchObject({ code: 'corrupt', message: /f's file a\.bin/ });
});

it('a node fetches what the digest names, and refuses other bytes under its name', async () => {
  await store.put(digest, bytes);
  expect(Buffer.from(await store.get(digest))).toEqual(bytes);
  const wanted = sha256(other);
  // As somebody would plant it who can write to the store.
  await store.put(wanted, bytes);
  await expect(store.get(wanted)).rejects.toMatchObject({ code: 'corrupt' });
  await expect(new ArtifactCache(join(folder, 'planted'), store).path(wanted)).rejects.toMatchObject({
    code: 'corrupt',
  });
});

it('what lies on a node from before is looked at again, and fetched anew where it was changed', async () => {
  const path = await new ArtifactCache(folder, store).path(digest);
  writeFileSync(path, other);
  expect(await new ArtifactCache(folder, store).path(digest)).toBe(path);
  expect(readFileSync(path)).toEqual(bytes);
});
