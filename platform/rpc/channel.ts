/** Opens clients of a pilot's gRPC servers, and calls them with deadlines, signals and our own errors. */
import {
  type CallOptions,
  type ChannelCredentials,
  type Client,
  type ClientOptions,
  type ClientReadableStream,
  type ClientUnaryCall,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import {
  callersKeepalive,
  callTimeoutMs,
  type Keepalive,
  messageBytesMax,
  reconnectMaxMs,
  reconnectMinMs,
} from './limits.ts';
import type { PeerAddress } from './secure-socket.ts';
import { fromServiceError } from './service-error.ts';
import { channelCredentials } from './tls-credentials.ts';

type ClientConstructor<C extends Client> = new (
  address: string,
  credentials: ChannelCredentials,
  options?: Partial<ClientOptions>,
) => C;

/** A client with its own connection, opened at the first call; the caller closes it with `client.close()`. */
export function openClient<C extends Client>(
  ClientOf: ClientConstructor<C>,
  peer: PeerAddress,
  keepalive: Keepalive = callersKeepalive,
): C {
  return new ClientOf(peer.address, channelCredentials(peer.tls), {
    'grpc.ssl_target_name_override': peer.serverName,
    'grpc.default_authority': peer.serverName,
    'grpc.keepalive_time_ms': keepalive.timeMs,
    'grpc.keepalive_timeout_ms': keepalive.timeoutMs,
    'grpc.keepalive_permit_without_calls': 1,
    'grpc.initial_reconnect_backoff_ms': reconnectMinMs,
    'grpc.max_reconnect_backoff_ms': reconnectMaxMs,
    'grpc.max_receive_message_length': messageBytesMax,
    'grpc.max_send_message_length': messageBytesMax,
    'grpc.enable_channelz': 0,
    // A pilot's peers are known by address: no proxy of the site may come between, and no other client share the socket.
    'grpc.enable_http_proxy': 0,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
  });
}

export interface CallSettings {
  /** Default 30 s; Infinity for none. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

type UnaryMethod<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Response) => void,
) => ClientUnaryCall;

/** Calls a bound unary method, `callUnary(client.apply.bind(client), request)`; rejects with a PlatformError. */
export function callUnary<Request, Response>(
  method: UnaryMethod<Request, Response>,
  request: Request,
  { timeoutMs = callTimeoutMs, signal }: CallSettings = {},
): Promise<Response> {
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  const call = method(request, new Metadata(), { deadline: Date.now() + timeoutMs }, (error, response) => {
    signal?.removeEventListener('abort', cancel);
    if (error) reject(fromServiceError(error));
    else resolve(response);
  });
  const cancel = () => call.cancel();
  if (signal?.aborted) cancel();
  else signal?.addEventListener('abort', cancel, { once: true });
  return promise;
}

/** Reads a server stream to its end; throws a PlatformError; ends quietly when the signal aborts or the loop is left. */
export async function* readStream<Response>(
  stream: ClientReadableStream<Response>,
  signal?: AbortSignal,
): AsyncGenerator<Response, void, void> {
  const cancel = () => stream.cancel();
  if (signal?.aborted) cancel();
  else signal?.addEventListener('abort', cancel, { once: true });
  try {
    for await (const response of stream) yield response as Response;
  } catch (thrown) {
    if (!signal?.aborted) throw fromServiceError(thrown);
  } finally {
    signal?.removeEventListener('abort', cancel);
    // The cancellation of a loop that was left comes back as an error which nobody waits for.
    stream.on('error', () => undefined);
    stream.cancel();
  }
}
