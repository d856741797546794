/** Every method of a real gateway, given messages that are none, or hold what nobody would write. An answer or an end, never a fault of ours. */
import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { GatewayService } from '#proto';
import { fc } from '../../harness/properties.ts';
import type { FuzzTarget } from '../fuzz.ts';
import type { FuzzPilot } from './fuzz-pilot.ts';

/** Does what it is asked to with any message: it would end the connection that asks, as it should. */
const left = new Set(['RotateCertificates']);
/** What they do to something that is there, whoever comes after would miss; they are given names of nothing. */
const ending = new Set(['DeleteFunction', 'DrainNode', 'SetScale', 'PauseTrigger', 'SetAlias', 'Rollback']);
const methods = Object.values(GatewayService)
  .map(({ path }) => path)
  .filter((path) => !left.has(nameOf(path)));

function nameOf(path: string): string {
  return path.split('/')[2] ?? '';
}
/** What a mistake of ours looks like from outside. */
const ours = /TypeError|RangeError|is not a function|Cannot read|undefined/;
const answerMs = 60_000;

const strange = fc.oneof(
  fc.constantFrom('', '*', '>', 'a.b', '../../etc/passwd', '__proto__', 'constructor', 'a\r\nb', '\u001b[2J'),
  fc.string({ unit: 'binary', maxLength: 40 }),
);
/** Also what is there: functions, a node. */
const known = fc.oneof(
  { weight: 4, arbitrary: strange },
  { weight: 1, arbitrary: fc.constantFrom('posted', 'heard', 'n1') },
);

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  for (let left = value; ; left >>= 7n) {
    bytes.push(Number(left & 127n) | (left > 127n ? 128 : 0));
    if (left <= 127n) return Buffer.from(bytes);
  }
}

/** Fields as protobuf writes them, of any number, type and depth. */
function messagesOf(word: fc.Arbitrary<string>): fc.Arbitrary<Buffer> {
  const { message } = fc.letrec<{ message: Buffer; field: Buffer }>((tie) => ({
    message: fc.array(tie('field'), { maxLength: 5, depthIdentifier: 'proto' }).map((fields) => Buffer.concat(fields)),
    field: fc
      .tuple(
        fc.integer({ min: 1, max: 12 }),
        fc.oneof(
          { depthIdentifier: 'proto', maxDepth: 3 },
          word.map((text) => [2, Buffer.from(text)] as const),
          fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value) => [0, varint(value)] as const),
          fc.double().map((value) => [1, Buffer.from(Float64Array.of(value).buffer)] as const),
          fc.uint8Array({ maxLength: 40 }).map((bytes) => [2, Buffer.from(bytes)] as const),
          tie('message').map((bytes) => [2, bytes] as const),
        ),
      )
      .map(([number, [type, bytes]]) =>
        Buffer.concat([
          varint(BigInt(number * 8 + type)),
          ...(type === 2 ? [varint(BigInt(bytes.length))] : []),
          bytes,
        ]),
      ),
  }));
  return message;
}

const sentOf = (word: fc.Arbitrary<string>) =>
  fc.array(
    fc.oneof(
      { weight: 6, arbitrary: messagesOf(word) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)) },
    ),
    { minLength: 1, maxLength: 2 },
  );

const asked = fc.constantFrom(...methods).chain((path) => {
  const messages = sentOf(ending.has(nameOf(path)) ? strange : known);
  return messages.map((sent) => ({ path, sent }));
});

async function ask(
  session: ClientHttp2Session,
  path: string,
  messages: readonly Buffer[],
  noise: Uint8Array,
): Promise<void> {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    // Some wait as long as they are told, minutes at most: a caller says how long it cares.
    'grpc-timeout': '5S',
  });
  stream.on('error', () => undefined);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(new Error(`${path} has not answered within ${answerMs} ms`)), answerMs);
  const check = (headers: Record<string, unknown>) => {
    const text = decodeURIComponent(String(headers['grpc-message'] ?? ''));
    // 2 is "unknown": what a handler of ours did not mean to say.
    if (headers['grpc-status'] === '2' || ours.test(text))
      reject(new Error(`${path}: ${headers['grpc-status']} ${text}`));
  };
  stream.on('response', (headers) => {
    check(headers);
    // Streams of what is to come have no end of their own.
    setTimeout(() => stream.close(), 20);
  });
  stream.on('trailers', check);
  stream.on('close', () => resolve());
  for (const bytes of messages) {
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(bytes.length, 1);
    stream.write(Buffer.concat([prefix, bytes]));
  }
  stream.end(Buffer.from(noise));
  stream.resume();
  await promise.finally(() => clearTimeout(timer));
}

export const grpc = (node: FuzzPilot): FuzzTarget => ({
  name: 'grpc',
  runs: 400,
  async open() {
    const { tls, gateway } = node.pilot.connection;
    const [host, port] = gateway.address.split(':');
    const open = () => {
      const socket = connectTls({
        host,
        port: Number(port),
        servername: gateway.serverName,
        ...tls,
        ALPNProtocols: ['h2'],
      });
      const session = connectHttp2(`https://${gateway.address}`, { createConnection: () => socket });
      session.on('error', () => undefined);
      return session;
    };
    let session = open();
    await once(session, 'connect');
    const noise = fc.oneof(
      { weight: 4, arbitrary: fc.constant(new Uint8Array()) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 12 }) },
    );
    return {
      ...node.parts,
      property: fc.asyncProperty(asked, noise, async ({ path, sent }, more) => {
        if (session.closed || session.destroyed) session = open();
        await ask(session, path, sent, more);
      }),
      close: () => session.destroy(),
    };
  },
});
