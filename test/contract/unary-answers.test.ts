/** What a server may answer to a call without grpc-js: anything, and each is an error that says what it was. */
import { EventEmitter, once } from 'node:events';
import { type ClientHttp2Session, createSecureServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { type ErrorCode, PlatformError } from '#common';
import { ErrorDetail, GatewayService, InvokeRequest, InvokeResponse } from '#proto';
import { errorTrailer, type TlsIdentity, toErrorDetail, UnaryClient } from '#rpc';
import { gatewayServerName } from '#security';
import { unaryCall } from '../../platform/rpc/unary-call.ts';
import { createMembers } from '../harness/members.ts';
import { fc } from '../harness/properties.ts';

const serverName = gatewayServerName('test');
let member: TlsIdentity;
let tls: TlsIdentity;
const opened: (() => void)[] = [];

beforeAll(async () => {
  const { issue } = await createMembers();
  member = await issue('owner');
  tls = await issue('gateway', [serverName]);
});
afterEach(() => {
  for (const close of opened.splice(0).reverse()) close();
});

function caller(address: string) {
  const client = new UnaryClient({ addresses: [address], serverName, tls: member });
  opened.push(() => client.close());
  const request = { function: 'echo', version: '', payload: Buffer.from('hi'), headers: {}, timeoutMs: 0 };
  return () => client.call(GatewayService.invoke, request);
}

/** A server that knows the pilot's certificates and answers each call as it is told. */
async function serveBare(answer: (stream: ServerHttp2Stream) => void): Promise<string> {
  const bare = createSecureServer({ ...tls, minVersion: 'TLSv1.3' });
  const sockets = new Set<Socket>();
  bare.on('connection', (socket: Socket) => sockets.add(socket));
  bare.on('stream', (stream) => {
    stream.on('error', () => undefined);
    stream.resume();
    answer(stream);
  });
  bare.listen(0, '127.0.0.1');
  await once(bare, 'listening');
  opened.push(() => {
    for (const socket of sockets) socket.destroy();
    bare.close();
  });
  return `127.0.0.1:${(bare.address() as AddressInfo).port}`;
}

const ok = { 'grpc-status': '0' };
const message = (body: Uint8Array, flag = 0) => {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
};
const hi = Buffer.from(
  InvokeResponse.encode(InvokeResponse.fromPartial({ payload: Buffer.from('hi'), node: 'n1' })).finish(),
);

function whole(stream: ServerHttp2Stream, body: Uint8Array, trailers: Record<string, string> = ok) {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers(trailers));
  stream.end(body);
}

const detail = (text: string) =>
  Buffer.from(ErrorDetail.encode(toErrorDetail(new PlatformError('conflict', text))).finish()).toString('base64');

test.each<[what: string, answer: (stream: ServerHttp2Stream) => void, code: ErrorCode, message: RegExp]>([
  ['no message', (stream) => whole(stream, Buffer.alloc(0)), 'internal', /0 bytes is not one message/],
  ['half a message', (stream) => whole(stream, message(hi).subarray(0, -1)), 'internal', /not one message/],
  ['half a prefix', (stream) => whole(stream, Buffer.alloc(3)), 'internal', /3 bytes is not one message/],
  ['two messages', (stream) => whole(stream, Buffer.concat([message(hi), message(hi)])), 'internal', /not one message/],
  ['a compressed message', (stream) => whole(stream, message(hi, 1)), 'internal', /compressed/],
  ['bytes that are no message', (stream) => whole(stream, message(Buffer.alloc(9, 0xff))), 'internal', /./],
  [
    'the announcement of a huge one',
    (stream) => {
      stream.respond({ ':status': 200 });
      stream.write(Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1]));
    },
    'payload-too-large',
    /4294967295 bytes/,
  ],
  ['a page that is not there', (stream) => stream.respond({ ':status': 404 }, { endStream: true }), 'internal', /404/],
  [
    'a page with a body',
    (stream) => {
      stream.respond({ ':status': 502 });
      stream.end('bad gateway');
    },
    'internal',
    /502/,
  ],
  [
    'no status at the end',
    (stream) => {
      stream.respond({ ':status': 200 });
      stream.end(message(hi));
    },
    'internal',
    /no status/,
  ],
  ['a status of no number', (stream) => whole(stream, message(hi), { 'grpc-status': 'ok' }), 'internal', /no status/],
  [
    'an error with the headers',
    (stream) =>
      stream.respond(
        { ':status': 200, 'grpc-status': String(status.NOT_FOUND), 'grpc-message': 'no %22x%22' },
        { endStream: true },
      ),
    'not-found',
    /^no "x"$/,
  ],
  [
    'an error whose text is not escaped',
    (stream) => whole(stream, Buffer.alloc(0), { 'grpc-status': String(status.ABORTED), 'grpc-message': '100 %' }),
    'conflict',
    /^100 %$/,
  ],
  [
    'an error with a detail',
    (stream) => whole(stream, Buffer.alloc(0), { 'grpc-status': '10', [errorTrailer]: detail('ours') }),
    'conflict',
    /^ours$/,
  ],
  [
    'an error with a detail that is none',
    (stream) =>
      whole(stream, Buffer.alloc(0), { 'grpc-status': '5', 'grpc-message': 'foreign', [errorTrailer]: '/////w==' }),
    'not-found',
    /^foreign$/,
  ],
  ['a reset', (stream) => stream.close(2), 'internal', /./],
  ['a refusal', (stream) => stream.close(7), 'unavailable', /./],
  ['a cancellation', (stream) => stream.close(8), 'cancelled', /./],
  ['a call for calm', (stream) => stream.close(11), 'no-capacity', /./],
  ['the end of the connection', (stream) => stream.session?.destroy(), 'unavailable', /./],
])('%s is an error that says so', async (_what, answer, code, text) => {
  const invoke = caller(await serveBare(answer));
  await expect(invoke()).rejects.toMatchObject({ code, message: expect.stringMatching(text) });
});

test('an answer arrives in whatever pieces it is sent', async () => {
  const body = message(hi);
  let cuts: number[] = [];
  const address = await serveBare((stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.once('wantTrailers', () => stream.sendTrailers(ok));
    const ends = [...cuts, body.length];
    const next = (from: number, at: number) => {
      const to = ends[at];
      if (to === undefined) return void stream.end();
      stream.write(body.subarray(from, to), () => next(to, at + 1));
    };
    next(0, 0);
  });
  const invoke = caller(address);
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.integer({ min: 1, max: body.length - 1 }), { maxLength: 6 }), async (at) => {
      cuts = at.sort((left, right) => left - right);
      expect(await invoke()).toMatchObject({ payload: Buffer.from('hi'), node: 'n1' });
    }),
    { numRuns: 100 },
  );
});

test('an answer counts in whatever order Node tells of its parts', async () => {
  const parts: ((stream: EventEmitter) => void)[] = [
    (stream) => stream.emit('response', { ':status': 200 }, 0),
    (stream) => stream.emit('data', message(hi)),
    (stream) => stream.emit('trailers', ok),
  ];
  for (const order of [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ]) {
    // Which of them comes first depends on what else Node is doing, and no server can make it so.
    const stream = Object.assign(new EventEmitter(), { rstCode: 0, closed: false, end: () => undefined });
    const session = { destroyed: false, request: () => stream } as unknown as ClientHttp2Session;
    const call = unaryCall({ session, authority: '' }, GatewayService.invoke, InvokeRequest.fromPartial({}), {});
    for (const at of order) parts[at]?.(stream);
    stream.emit('close');
    expect(await call).toMatchObject({ payload: Buffer.from('hi'), node: 'n1' });
  }
});
