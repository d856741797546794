/** An upload whose connection is lost on the way: it is sent again, and makes one version. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bundleFunction, readProject } from '#bundle';
import { connectPilot } from '#client';
import { TestPilot } from '../harness/pilot.ts';

const root = join(import.meta.dirname, '../..');

/** A way to the address that loses its first `losses` connections once they have carried `bytes` of the caller's. */
async function lossyWay(address: string, losses: number, bytes: number) {
  const [host = '', port = ''] = address.split(':');
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((caller) => {
    connections += 1;
    const lost = connections <= losses;
    const callee = connect(Number(port), host);
    let carried = 0;
    for (const socket of [caller, callee]) sockets.add(socket.on('error', () => undefined));
    caller.on('data', (chunk) => {
      carried += chunk.byteLength;
      if (lost && carried > bytes) for (const socket of [caller, callee]) socket.destroy();
    });
    caller.pipe(callee).pipe(caller);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => connections,
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

test('it is tried three times in all, and makes one version', { timeout: 60_000 }, async () => {
  await using pilot = await TestPilot.start();
  const [recon] = readProject(join(root, 'functions/gridrec')).functions;
  const bundle = await bundleFunction(recon!);
  const { connection } = pilot;
  const deployThrough = async (losses: number) => {
    using way = await lossyWay(connection.gateway.address, losses, 16_384);
    const client = connectPilot({
      ...connection,
      gateway: { ...connection.gateway, address: way.address, others: [] },
    });
    try {
      return { answer: await client.deploy(bundle).catch((error: unknown) => error), connections: way.connections() };
    } finally {
      client.close();
    }
  };
  expect(await deployThrough(2)).toMatchObject({ answer: { version: { number: 1 } }, connections: 3 });
  expect(await deployThrough(3)).toMatchObject({ answer: { code: 'unavailable' }, connections: 3 });
  expect((await pilot.client.get('gridrec')).versions).toHaveLength(1);
});
