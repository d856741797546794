/** Requests as programs write them by hand, and worse. Each ends, whatever it says; none leaves a header that is not its own to set. */
import { connect as connectTls } from 'node:tls';
import { post } from '../../harness/https.ts';
import { fc } from '../../harness/properties.ts';
import { type FuzzTarget, mutated } from '../fuzz.ts';
import type { FuzzPilot } from './fuzz-pilot.ts';

const answerMs = 60_000;
const allowedHeader = /^(pilotfish-path|nats-msg-id|content-type|traceparent|tracestate|(ce-|x-).*)$/i;

const path = fc.constantFrom(
  ...[
    '/ask',
    '/tell/a',
    '/tell/',
    '/tell/..',
    '/tell/%2e%2e',
    '/tell/a%0d%0aX:1',
    '/tell/a.b',
    '/tell/*',
    '/tell/>',
    '//ask',
  ],
  ...['/ask?x=1', '/tell/%00', `/tell/${'a'.repeat(300)}`, '*', 'http://elsewhere/ask', '/__proto__', '/tell/é'],
);
const header = fc.constantFrom(
  ...[
    'Content-Length: 3',
    'Content-Length: 999999999',
    'Content-Length: -1',
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: x',
  ],
  ...[
    'Nats-Msg-Id: mine',
    'Nats-Rollup: all',
    'X-A: b\r\n Nats-Rollup: all',
    'X-A: b\rNats-Rollup: all',
    'x-a: \u0000',
    'X A: b',
  ],
  ...[
    'ce-specversion: 1.0',
    'ce-id: 1',
    'ce-source: /a',
    'ce-type: t',
    'ce-id: a%0d%0aNats-Rollup: all',
    '__proto__: x',
    'x-__proto__: 1',
  ],
  ...[
    'Idempotency-Key: k',
    'Idempotency-Key: a b',
    `x-long: ${'a'.repeat(20_000)}`,
    'Expect: 100-continue',
    'Connection: upgrade',
  ],
  ...[
    'Content-Type: application/cloudevents+json',
    'Content-Type: text/plain\r\nPilotfish-Claim: /etc/passwd',
    'Upgrade: h2c',
  ],
);
const request = fc
  .tuple(
    fc.constantFrom('POST', 'GET', 'PUT', 'CONNECT', 'TRACE', 'post', 'PRI'),
    path,
    fc.array(header, { maxLength: 5 }),
    fc.string({ maxLength: 40 }),
  )
  .map(([method, where, headers, body]) =>
    Buffer.from([`${method} ${where} HTTP/1.1`, 'Host: a', ...headers, '', body].join('\r\n')),
  );

export const http = (node: FuzzPilot): FuzzTarget => ({
  name: 'http',
  runs: 300,
  async open() {
    const { pilot } = node;
    const shown = await pilot.cli(['trigger', 'list', '-o', 'json']);
    const [url = ''] = /https:[^"]+\/ask/.exec(shown.stdout) ?? [];
    const { hostname, port } = new URL(url);
    const good = Buffer.from(
      'POST /tell/a HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi',
    );
    const bytes = fc.oneof(
      { weight: 3, arbitrary: request },
      { weight: 2, arbitrary: mutated([good]) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) },
    );
    return {
      ...node.parts,
      property: fc.asyncProperty(bytes, async (sent) => {
        const socket = connectTls({
          host: hostname,
          port: Number(port),
          ...pilot.connection.tls,
          checkServerIdentity: () => undefined,
        });
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        const timer = setTimeout(() => reject(new Error(`it is still open after ${answerMs} ms`)), answerMs);
        socket.on('error', () => undefined).resume();
        socket.once('close', resolve);
        socket.once('secureConnect', () => socket.end(sent));
        await promise.finally(() => clearTimeout(timer));
      }),
      async stillWorks() {
        await node.parts.stillWorks?.();
        const answer = await post(pilot.connection, url, 'well?');
        if (answer.status !== 200 || answer.text !== 'well?')
          throw new Error(`a good request is answered ${answer.status} ${answer.text}`);
        await using events = await pilot.events('viewer');
        const mark = await post(pilot.connection, url.replace('/ask', '/tell/last'), 'end');
        if (mark.status !== 202) throw new Error(`a good event is answered ${mark.status}`);
        const foreign: string[] = [];
        for await (const event of await events.read('pilotfish.http.>', { from: 'all' })) {
          foreign.push(...Object.keys(event.headers).filter((name) => !allowedHeader.test(name)));
          if (Buffer.from(event.data).toString() === 'end') break;
        }
        if (foreign.length > 0) throw new Error(`events came with the headers ${foreign.join()}`);
      },
    };
  },
});
