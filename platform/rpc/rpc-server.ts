/** Starts a gRPC server as every process of a pilot runs it: mutual TLS, health, reflection where asked, bounded messages. */
import { Server, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { messageOf, PlatformError } from '#common';
import { keepaliveTimeMs, keepaliveTimeoutMs, messageBytesMax } from './limits.ts';
import { addReflection } from './reflection.ts';
import { serverCredentials, type TlsIdentity } from './tls-credentials.ts';

export interface RpcServerOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly tls: TlsIdentity;
  readonly services: readonly RpcServiceBinding[];
  readonly reflection: boolean;
}

export type RpcServiceBinding = readonly [
  definition: ServiceDefinition,
  // biome-ignore lint/suspicious/noExplicitAny: ts-proto's server interfaces are closed, grpc-js asks for an index signature.
  implementation: UntypedServiceImplementation | any,
];

export interface RpcServer {
  /** host:port as bound. */
  readonly address: string;
  readonly port: number;
  /** Lets running calls end for at most `graceMs`, then cuts them off. */
  close(graceMs: number): Promise<void>;
}

/** Resolves once the port is bound; throws `unavailable` where it is taken. */
export async function startRpcServer(options: RpcServerOptions): Promise<RpcServer> {
  const server = new Server({
    'grpc.max_receive_message_length': messageBytesMax,
    'grpc.max_send_message_length': messageBytesMax,
    'grpc.keepalive_time_ms': keepaliveTimeMs,
    'grpc.keepalive_timeout_ms': keepaliveTimeoutMs,
    'grpc.enable_channelz': 0,
  });
  for (const [definition, implementation] of options.services) server.addService(definition, implementation);
  const names = options.services.map(([definition]) => serviceName(definition));
  await addHealth(server, names);
  if (options.reflection) await addReflection(server, names);
  const port = await bind(server, options);
  return { address: `${options.host}:${port}`, port, close: (graceMs) => close(server, graceMs) };
}

/** The standard health service, SERVING for the server as a whole and for each of its services. */
async function addHealth(server: Server, services: readonly string[]): Promise<void> {
  const { HealthImplementation } = await import('grpc-health-check');
  new HealthImplementation(Object.fromEntries(['', ...services].map((name) => [name, 'SERVING' as const]))).addToServer(
    server,
  );
}

/** "/pilotfish.v1.Gateway/Invoke" -> "pilotfish.v1.Gateway" */
function serviceName(definition: ServiceDefinition): string {
  return Object.values(definition)[0]?.path.split('/')[1] ?? '';
}

function bind(server: Server, { host, port, tls }: RpcServerOptions): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.bindAsync(`${host}:${port}`, serverCredentials(tls), (error, bound) => {
    if (error === null) return resolve(bound);
    const message = `Cannot listen on ${host}:${port}: ${messageOf(error)}`;
    reject(new PlatformError('unavailable', message, { cause: error, hint: 'Is another process using the port?' }));
  });
  return promise;
}

async function close(server: Server, graceMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const cutOff = setTimeout(() => {
    server.forceShutdown();
    resolve();
  }, graceMs);
  // An error here only says that the server was not running any more.
  server.tryShutdown(() => resolve());
  await promise;
  clearTimeout(cutOff);
}
