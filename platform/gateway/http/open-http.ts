/** Opens the door for HTTP where this gateway's node had it before, and feeds it. */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { EventPublisher, inboxPrefix, registryKeys, streams } from '#broker';
import type { GatewayConfig } from '#model';
import type { TriggerStates } from '#registry';
import { type Caller, leaving, type TlsIdentity } from '#rpc';
import type { Logger } from '#telemetry';
import type { Gate } from '../access/index.ts';
import { type InvokeOptions, invoke } from '../calls/invoke.ts';
import { HttpDoor, type HttpDoorOptions, type HttpRoute } from './index.ts';

export interface OpenHttpOptions extends InvokeOptions {
  readonly config: GatewayConfig;
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly bucket: KV;
  readonly triggerStates: TriggerStates;
  readonly gate: Gate;
  readonly pages: HttpDoorOptions['pages'];
  readonly tls: TlsIdentity;
  readonly logger: Logger;
}

/** Sources leave the last tenth of the stream to functions. */
const sourceShare = 0.9;
/** The stream's fill is asked for this often at most. */
const roomMs = 500;
const lostCheckMs = 1_000;

export interface OpenHttp {
  readonly door: HttpDoor;
  close(): Promise<void>;
}

export async function openHttp(options: OpenHttpOptions): Promise<OpenHttp> {
  const { config, connection, manager, bucket, registry, triggerStates, gate, tls, clock, logger } = options;
  const publisher = new EventPublisher({ connection, clock, inbox: inboxPrefix('gateway', config.node) });
  const lostCheck = setInterval(() => publisher.checkLost(), lostCheckMs);
  let asked: { readonly at: number; readonly answer: Promise<boolean> } | undefined;
  const key = registryKeys.httpPort(config.node);
  const door = await HttpDoor.open({
    host: config.host,
    port: Number((await bucket.get(key))?.string() ?? 0),
    tls,
    functions: () => registry.list().flatMap(({ name }) => registry.latest(name).spec ?? []),
    isPaused: (functionName, trigger) => triggerStates.get(functionName, trigger).pausedAtMs > 0,
    hasRoom: () => {
      const now = clock.monotonic();
      if (!asked || now - asked.at > roomMs) asked = { at: now, answer: hasRoom(manager) };
      return asked.answer;
    },
    publisher,
    admit: (caller, route) => admitRoute(gate, caller, route),
    call: ({ functionName, payload, headers, signal }) =>
      invoke({ function: functionName, version: '', payload, headers, timeoutMs: 0 }, leaving(signal), options),
    pages: options.pages,
    clock,
    logger,
  });
  await bucket.put(key, String(door.port));
  return {
    door,
    async close() {
      await door.close();
      clearInterval(lostCheck);
      publisher.close();
    },
  };
}

async function hasRoom(manager: JetStreamManager): Promise<boolean> {
  const { config, state } = await manager.streams.info(streams.events);
  return config.max_bytes <= 0 || state.bytes < config.max_bytes * sourceShare;
}

/** A POST that is answered with a result is a call of the function; any other publishes an event for it. */
export function admitRoute(gate: Gate, caller: Caller, { functionName, trigger, subject }: HttpRoute): () => void {
  const request = { function: functionName };
  const calls = trigger.http?.answer === 'result';
  const settle = gate.admit({ method: calls ? 'Invoke' : 'Publish', caller, request });
  try {
    if (!calls) gate.requireFunction(caller.name, functionName);
    if (!calls) gate.requireSubject(caller.name, subject);
  } catch (error) {
    settle?.('permission-denied');
    throw error;
  }
  return () => settle?.('ok');
}
