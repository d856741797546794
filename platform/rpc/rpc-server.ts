/** Starts a gRPC server as every process of a pilot runs it: mutual TLS, admission, health, reflection where asked, bounded messages. */
import { Server, ServerCredentials, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { type Admission, behind } from './admission.ts';
import { ConnectionBook } from './connection-book.ts';
import { callersKeepalive, type Keepalive, messageBytesMax, streamsMax } from './limits.ts';
import { addReflection, type ServiceHost } from './reflection.ts';
import { SecureListener } from './secure-listener.ts';
import { contextOptions, type TlsIdentity } from './tls-credentials.ts';

export interface RpcServerOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly tls: TlsIdentity;
  readonly services: readonly RpcServiceBinding[];
  readonly reflection: boolean;
  /** Asked before every method, those of health and reflection included; without one every member of the pilot may call all. */
  readonly admission?: Admission;
  /** Of those that call; default `callersKeepalive`. */
  readonly keepalive?: Keepalive;
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
  /** Who is connected, and a way to cut somebody off. */
  readonly connections: ConnectionBook;
  /** Connections to come are served with another certificate. */
  renew(tls: TlsIdentity): void;
  /** Lets running calls end for at most `graceMs`, then cuts them off. */
  close(graceMs: number): Promise<void>;
}

/** Resolves once the port is bound; throws `unavailable` where it is taken. */
export async function startRpcServer(options: RpcServerOptions): Promise<RpcServer> {
  const { keepalive = callersKeepalive } = options;
  const server = new Server({
    'grpc.max_receive_message_length': messageBytesMax,
    'grpc.max_send_message_length': messageBytesMax,
    'grpc.max_concurrent_streams': streamsMax,
    'grpc.keepalive_time_ms': keepalive.timeMs,
    'grpc.keepalive_timeout_ms': keepalive.timeoutMs,
    'grpc.enable_channelz': 0,
  });
  const connections = new ConnectionBook();
  // The standard services, too, are for those who are let in, and count among their calls.
  const door: ServiceHost = {
    addService: (definition, implementation) =>
      server.addService(definition, behind(options.admission, connections, implementation)),
  };
  for (const [definition, implementation] of options.services) door.addService(definition, implementation);
  const names = options.services.map(([definition]) => serviceName(definition));
  await addHealth(door, names);
  if (options.reflection) await addReflection(door, names);
  // TLS is ended by a listener of our own: grpc-js offers no bound before the handshake, and no way to renew a certificate.
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const listener = new SecureListener({
    host: options.host,
    port: options.port,
    context: contextOptions(options.tls),
    book: connections,
    onConnection: (socket) => injector.injectConnection(socket),
  });
  const port = await listener.listen();
  return {
    address: `${options.host}:${port}`,
    port,
    connections,
    renew: (tls) => listener.renew(contextOptions(tls)),
    close: async (graceMs) => {
      listener.close();
      await close(server, connections, graceMs);
    },
  };
}

/** The standard health service, SERVING for the server as a whole and for each of its services. */
async function addHealth(door: ServiceHost, services: readonly string[]): Promise<void> {
  const { HealthImplementation } = await import('grpc-health-check');
  const statuses = Object.fromEntries(['', ...services].map((name) => [name, 'SERVING' as const]));
  new HealthImplementation(statuses).addToServer(door as Server);
}

/** "/pilotfish.v1.Gateway/Invoke" -> "pilotfish.v1.Gateway" */
function serviceName(definition: ServiceDefinition): string {
  return Object.values(definition)[0]?.path.split('/')[1] ?? '';
}

/**
 * A session ends after its last call. grpc-js would say when, but believes that it is so as soon as Node has begun to close
 * them; and where it cuts a session off it waits for the peer to hang up. So it is the connections that are waited for, and cut.
 */
async function close(server: Server, connections: ConnectionBook, graceMs: number): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const grace = setTimeout(resolve, graceMs);
  // An error here only says that the server was not running any more.
  server.tryShutdown(() => undefined);
  await Promise.race([connections.emptied(), late]);
  clearTimeout(grace);
  server.forceShutdown();
  connections.cutAll();
}
