/**
 * A bare grpc-js server with one unary method that gives its payload back, over mutual TLS 1.3: what `Invoke` is held against. With
 * the path of a socket it asks there first, in the order of the calls, whose payloads are all of one size.
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { echoMethod } from './grpc-echo-method.ts';

const [ca = '', cert = '', key = ''] = process.argv.slice(2, 5).map((path) => readFileSync(path));
const next = process.argv[5];
const ask = next === undefined ? undefined : askAt(next);
const server = new Server();
server.addService(
  { echo: echoMethod },
  {
    echo: ({ request }: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) =>
      ask ? ask(request, (answer) => done(null, answer)) : done(null, request),
  },
);
const credentials = ServerCredentials.createSsl(
  Buffer.from(ca),
  [{ private_key: Buffer.from(key), cert_chain: Buffer.from(cert) }],
  true,
);
server.bindAsync('127.0.0.1:0', credentials, (error, port) => {
  if (error) throw error;
  process.send?.(port);
});
process.on('disconnect', () => process.exit(0));

function askAt(path: string): (payload: Buffer, done: (answer: Buffer) => void) => void {
  const socket = connect(path);
  const waiting: { readonly bytes: number; readonly done: (answer: Buffer) => void }[] = [];
  let read: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    read = read.length === 0 ? chunk : Buffer.concat([read, chunk]);
    for (let first = waiting[0]; first && read.length >= first.bytes; first = waiting[0]) {
      waiting.shift();
      first.done(read.subarray(0, first.bytes));
      read = read.subarray(first.bytes);
    }
  });
  return (payload, done) => {
    waiting.push({ bytes: payload.length, done });
    socket.write(payload);
  };
}
