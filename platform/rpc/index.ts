/**
 * gRPC as every process of a pilot speaks it: `rpc-server.ts` serves behind `secure-listener.ts` (TLS, bounds before it),
 * `connection-book.ts` (who is there) and `admission.ts` (who may call what), `channel.ts` calls, `handlers.ts` wraps async
 * functions, `service-error.ts` carries errors across, `limits.ts` holds the bounds, `reflection.ts` describes the services.
 * What is called thousands of times a second goes without grpc-js: `unary-client.ts` (whom), `dial-http2.ts` (the connection),
 * `unary-call.ts` (one call, its answer in `unary-answer.ts`). Calls between gateway and agents go beside gRPC: `call-line.ts`.
 */
export type { Admission, AdmittedCall } from './admission.ts';
export { type LineServer, openLine, startLineServer } from './call-line.ts';
export { CallerRates } from './caller-rates.ts';
export {
  type CallSettings,
  callUnary,
  openClient,
  readStream,
} from './channel.ts';
export { type Caller, ConnectionBook } from './connection-book.ts';
export {
  bidiStream,
  type CallContext,
  clientStream,
  type Leaving,
  leaving,
  type PlainHandler,
  plainHandler,
  serverStream,
  unary,
} from './handlers.ts';
export { HandshakeWatch } from './handshake-watch.ts';
export {
  artifactBytesMax,
  artifactChunkBytes,
  callTimeoutMs,
  errorMessageCharsMax,
  errorStackCharsMax,
  handshakeMsMax,
  invokePayloadBytesMax,
  messageBytesMax,
  nodesKeepalive,
} from './limits.ts';
export { preloadServer } from './reflection.ts';
export { type RpcServer, type RpcServerOptions, type RpcServiceBinding, startRpcServer } from './rpc-server.ts';
export type { PeerAddress } from './secure-socket.ts';
export { errorTrailer, fromErrorDetail, fromServiceError, toErrorDetail, toServiceError } from './service-error.ts';
export { contextOptions, readTls, type TlsFiles, type TlsIdentity } from './tls-credentials.ts';
export { UnaryClient, type UnaryPeer } from './unary-client.ts';
