/** Agent to instance and back, against a bare Unix socket between two processes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { call, HostNode } from '../../harness/host-node.ts';
import { type BenchResult, compare, median } from '../report.ts';

const echo = 'module.exports = { handle: (event) => event.data };';
// It touches every page: a payload that nobody reads would be no hand-over.
const sink =
  'module.exports = { handle({ data }) { let sum = 0; for (let at = 0; at < data.length; at += 4096) sum += data[at]; if (sum < 1) throw sum; } };';
const smallBytes = 128;
const largeBytes = 2 * 2 ** 20;
/** Enough that the first round leaves compiled code behind, on both sides. */
const smallCalls = 10_000;
const largeCalls = 100;

/** Sends what it gets back whole; for large messages a byte says that all of it has come. */
const peer = `const net = require('node:net');
const [path, size] = process.argv.slice(1);
const socket = net.connect(path);
let bytes = 0;
socket.on('data', (chunk) => {
  if (Number(size) === 0) return socket.write(chunk);
  for (bytes += chunk.length; bytes >= Number(size); bytes -= Number(size)) socket.write('k');
});`;

export async function benchHandover(rounds: number): Promise<BenchResult[]> {
  const node = await HostNode.start();
  const folder = mkdtempSync('/dev/shm/pilotfish-socket-');
  try {
    const small = await node.load(node.fork(), await node.add('echo', 'typescript', Buffer.from(echo)));
    const large = await node.load(node.fork(), await node.add('sink', 'typescript', Buffer.from(sink)));
    await using bareSmall = await openPeer(folder, 0);
    await using bareLarge = await openPeer(folder, largeBytes);
    const samples = {
      small: [] as number[],
      bareSmall: [] as number[],
      large: [] as number[],
      bareLarge: [] as number[],
    };
    const message = Buffer.alloc(smallBytes, 1);
    const frame = Buffer.alloc(largeBytes, 1);
    for (let round = 0; round <= rounds; round++) {
      // The first round is warm-up: functions are compiled, buffers grow.
      const into = round === 0 ? { small: [], bareSmall: [], large: [], bareLarge: [] } : samples;
      into.small.push(await perCall(smallCalls, async () => void (await call(small, message))));
      into.bareSmall.push(await perCall(smallCalls, () => bareSmall.exchange(message, smallBytes)));
      into.large.push(await perCall(largeCalls, async () => void (await call(large, frame))));
      into.bareLarge.push(await perCall(largeCalls, () => bareLarge.exchange(frame, 1)));
    }
    return [
      compare('handover128-vs-socket', 'us', samples.small, samples.bareSmall),
      compare('handover2m-vs-socket', 'us', samples.large, samples.bareLarge),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await node.close();
  }
}

/** Median microseconds of one call. */
async function perCall(count: number, run: () => Promise<void>): Promise<number> {
  const times: number[] = [];
  for (let at = 0; at < count; at++) {
    const began = performance.now();
    await run();
    times.push((performance.now() - began) * 1_000);
  }
  return median(times);
}

interface Peer extends AsyncDisposable {
  /** Resolves when so many bytes have come back. */
  exchange(message: Buffer, backBytes: number): Promise<void>;
}

async function openPeer(folder: string, size: number): Promise<Peer> {
  const path = join(folder, `peer-${size}.sock`);
  const server = createServer();
  server.listen(path);
  const child = spawn(process.execPath, ['-e', peer, path, String(size)], { stdio: 'ignore' });
  const [socket] = (await once(server, 'connection')) as [Socket];
  let wanted = 0;
  let done = Promise.withResolvers<void>();
  socket.on('data', (chunk) => {
    wanted -= chunk.length;
    if (wanted <= 0) done.resolve();
  });
  return {
    exchange(message, backBytes) {
      wanted = backBytes;
      done = Promise.withResolvers<void>();
      socket.write(message);
      return done.promise;
    },
    async [Symbol.asyncDispose]() {
      socket.destroy();
      server.close();
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
