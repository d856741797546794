/** A client of another language that knows no .proto file of ours: Python's grpcio, by reflection, over mutual TLS. */
import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { bundleFunction, readProject } from '#bundle';
import { TestPilot } from '../harness/pilot.ts';

const root = join(import.meta.dirname, '../..');
const script = join(root, 'test/fixtures/generic-client.py');
const packages = join(root, '.cache/python');
/** Twelve megabytes of wheels over a site's proxy. */
const installMsMax = 50_000;

const pythonPath = { ...process.env, PYTHONPATH: packages };
const hasPackages = () =>
  spawnSync('python3', ['-c', 'import grpc, grpc_reflection'], { env: pythonPath }).status === 0;

/** Once a clone; afterwards they are there. */
function installPackages(): boolean {
  if (hasPackages()) return true;
  const wanted = ['grpcio==1.85.1', 'grpcio-reflection==1.85.1'];
  spawnSync('python3', ['-m', 'pip', 'install', '--quiet', '--only-binary', ':all:', '--target', packages, ...wanted], {
    timeout: installMsMax,
  });
  return hasPackages();
}

async function call(connection: string, ...args: readonly string[]): Promise<Record<string, unknown>> {
  const { stdout } = await promisify(execFile)('python3', [script, connection, ...args], {
    env: pythonPath,
    timeout: 30_000,
  });
  return JSON.parse(stdout) as Record<string, unknown>;
}

test("Python's grpcio lists the services, invokes `echo` and reads our error detail", { timeout: 120_000 }, async ({
  skip,
}) => {
  if (!installPackages())
    skip('python3 with grpcio and grpcio-reflection is not here and could not be installed with pip');
  await using pilot = await TestPilot.start();
  const [echo] = readProject(join(root, 'functions/echo')).functions;
  await pilot.client.deploy(await bundleFunction(echo!));
  const connection = join(pilot.directory, 'connection.json');
  const answer = await call(connection, 'echo', 'hello from Python');
  expect(answer).toMatchObject({ payload: 'hello from Python', node: 'n1' });
  expect(answer['services']).toContain('pilotfish.v1.Gateway');
  expect(answer['methods']).toEqual(expect.arrayContaining(['Deploy', 'ListFunctions', 'Invoke', 'Watch']));
  expect(await call(connection, 'nope', '')).toMatchObject({ status: 'NOT_FOUND', error: 'not-found' });
});
