/** A bare grpc-js server with one unary method that gives its payload back, over mutual TLS 1.3: what `Invoke` is held against. */
import { readFileSync } from 'node:fs';
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { echoMethod } from './grpc-echo-method.ts';

const [ca = '', cert = '', key = ''] = process.argv.slice(2).map((path) => readFileSync(path));
const server = new Server();
server.addService(
  { echo: echoMethod },
  {
    echo: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => done(null, call.request),
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
