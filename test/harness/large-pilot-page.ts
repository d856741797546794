/**
 * The dashboard of a pilot of 100 functions and 64 nodes that is never idle, without the pilot: the real pages, and a Watch
 * stream as often as the gateway sends one, in which every function, and something on every node, has changed each time.
 */
import { createServer, type ServerResponse } from 'node:http';
import { FunctionSummary, GetFunctionResponse, Node, PilotJob, WatchResponse } from '#proto';
import { PageFiles } from '../../platform/gateway/pages/page-files.ts';

const functionCount = 100;
const nodeCount = 64;
const slots = 32;
/** As the page asks for it. */
const everyMs = 900;

export interface LargePilotPage {
  readonly url: string;
  /** Messages sent so far. */
  readonly sent: () => number;
  [Symbol.asyncDispose](): Promise<void>;
}

const name = (at: number) => `function-${at}`;

export async function serveLargePilot(assets: string): Promise<LargePilotPage> {
  const files = new PageFiles(assets);
  const open = new Set<ServerResponse>();
  let round = 0;
  const timer = setInterval(() => {
    round++;
    const text = `data: ${JSON.stringify(messageOf(round))}\n\n`;
    for (const response of open) response.write(text);
  }, everyMs);
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname === '/ui/who')
      return json(response, {
        pilot: 'large',
        name: 'owner',
        role: 'admin',
        functions: [],
        methods: ['Watch', 'DrainNode', 'GetLatestEvent', 'ListSubjects'],
      });
    if (pathname === '/ui/api/GetFunction')
      return json(response, GetFunctionResponse.fromPartial({ summary: summaryOf(1, round) }));
    if (pathname.startsWith('/ui/api/')) {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.write(': \n\n');
      if (pathname !== '/ui/api/Watch') return;
      open.add(response);
      response.on('close', () => open.delete(response));
      response.write(`data: ${JSON.stringify(messageOf(round))}\n\n`);
      return;
    }
    if (!files.serve(pathname, request, response)) response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}/ui/`,
    sent: () => round,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function messageOf(round: number): WatchResponse {
  const timeMs = Date.now();
  const nodes = Array.from({ length: nodeCount }, (_, at) => nodeOf(at, round));
  return WatchResponse.fromPartial({
    timeMs,
    pilot: 'large',
    epoch: 1,
    nodes,
    functions: Array.from({ length: functionCount }, (_, at) => summaryOf(at, round)),
    jobs: [
      PilotJob.fromPartial({
        block: 'b1',
        job: '4711',
        state: 'RUNNING',
        nodes: nodes.map(({ id }) => id),
        startedAtMs: timeMs - 1e6,
        endsAtMs: timeMs + 1e6,
      }),
    ],
    decisions: [
      {
        timeMs,
        function: name(round % functionCount),
        from: round % 7,
        to: (round + 1) % 7,
        reason: `rate 12.${round % 10}/s x 20 ms`,
      },
    ],
    happened:
      round % 5 === 0
        ? [{ timeMs, kind: 'node', subject: `n${round % nodeCount}`, text: `node has joined, ${round}`, level: 'info' }]
        : [],
  });
}

function nodeOf(at: number, round: number): Node {
  // Instances come and go on a few nodes; all of them work, or wait for work, another moment later.
  const used = 16 + ((at + (at % 16 === round % 16 ? round : 0)) % (slots - 15));
  return Node.fromPartial({
    id: `n${at + 1}`,
    state: 'ready',
    slots,
    slotsUsed: used,
    memoryBytes: 2 ** 37,
    isolation: { tier: 'landlock' },
    instances: Array.from({ length: used }, (_, slot) => ({
      id: `n${at + 1}-${slot}`,
      function: name((at + slot) % functionCount),
      node: `n${at + 1}`,
      pid: 1_000 + slot,
      state: 'ready',
      busy: (slot + round) % 3,
      handled: round * 10 + slot,
    })),
  });
}

function summaryOf(at: number, round: number): FunctionSummary {
  return FunctionSummary.fromPartial({
    name: name(at),
    latest: { function: name(at), number: 1, digest: 'd'.repeat(64), createdAtMs: 1 },
    instancesReady: (at + round) % 9,
    instancesWanted: (at + round) % 9,
    lag: (at * round) % 1_000,
    handled: round * 25 * (1 + (at % 3)),
    failed: Math.floor(round / 10),
    scaleReason: `rate ${at}.${round % 10}/s x 20 ms / 0.7 = ${(at + round) % 9}`,
    metrics: {
      ratePerSecond: 25 + ((at + round) % 5),
      serviceMs: 20,
      p50Ms: 18 + (round % 4),
      p99Ms: 40 + (round % 9),
      startMs: 40,
      started: round,
      min: 0,
      max: 16,
      fit: { lambda: 50, sigma: 0.02, kappa: 0.001, confidence: 0.95 },
      gathers: Array.from({ length: 3 }, (_, key) => ({
        trigger: 't',
        key: `${key}`,
        received: { frame: round % 800 },
        expected: { frame: 800 },
        openedAtMs: 1,
        lastPartAtMs: 2,
      })),
    },
  });
}

function json(response: ServerResponse, value: object): void {
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
}
