/** The gateway's gRPC face: each method is a line or two of somebody else's work. */
import type { KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { PlatformError } from '#common';
import type { Claims } from '#model';
import {
  type GatewayServer,
  GatewayService,
  type GetLatestEventRequest,
  type GetUsageRequest,
  type InvokeAsyncRequest,
  type ListCallsRequest,
  type Node,
  type PauseTriggerRequest,
  type RollbackRequest,
  type SetScaleRequest,
  type WaitCallRequest,
  type WaitReadyRequest,
  type WatchRequest,
} from '#proto';
import { latestAlias, type ScaleStore } from '#registry';
import { clientStream, type RpcServiceBinding, serverStream, unary } from '#rpc';
import type { Access } from './access/index.ts';
import type { Calls } from './calls/index.ts';
import { invoke } from './calls/invoke.ts';
import { invokeStream } from './calls/invoke-stream.ts';
import { getDeadLetter, listDeadLetters, purgeDeadLetters, redriveDeadLetters } from './events/dead-letters.ts';
import { listTriggers, pauseTrigger } from './events/triggers.ts';
import type { NodeScaling } from './jobs/node-scaling.ts';
import { readLogs } from './logs.ts';
import type { ScanTotals, UsageTotals } from './metrics/index.ts';
import type { Fleet } from './nodes/fleet.ts';
import {
  describeFunction,
  getLatestEvent,
  listSubjects,
  summaries,
  type WatchOptions,
  watch,
} from './observe/index.ts';
import { getNodeScale, getScale, setScale } from './scale-service.ts';
import { deleteSecret, listSecrets, setSecret } from './secrets.ts';
import { type DeployOptions, deploy, pointLatest, promote, remove, rollback } from './versions/deploy.ts';

export interface GatewayServiceOptions extends DeployOptions, WatchOptions {
  readonly connection: NatsConnection;
  readonly secrets: KV;
  readonly claims: Claims;
  readonly nodeScaling: NodeScaling | undefined;
  readonly scales: ScaleStore;
  readonly calls: Calls;
  readonly access: Access;
  readonly urlOf: (path: string) => string;
  readonly usage: UsageTotals;
  readonly scans: ScanTotals;
}

/** Longest wait for nodes; a batch queue is waited for elsewhere. */
const waitReadyMsMax = 10 * 60_000;

export function gatewayService(options: GatewayServiceOptions): RpcServiceBinding {
  const { registry, scaling, fleet, connection, secrets, access, calls } = options;
  const implementation: Omit<GatewayServer, never> = {
    ...access.methods,
    deploy: clientStream(async (requests: Parameters<typeof deploy>[0], { peer }) => {
      const response = await deploy(requests, options, (name) => access.gate.requireFunction(peer, name));
      const { version, change } = response;
      if (version && change !== 'unchanged')
        options.happenings.addDeploy(version.function, `v${version.number} deployed by ${peer}`, version.createdAtMs);
      scaling.hurry();
      return response;
    }),
    listFunctions: unary(() => ({ functions: summaries(options) })),
    getFunction: unary((request: { name: string }) => describeFunction(request.name, options)),
    deleteFunction: unary(async (request: { name: string }) => {
      await remove(request.name, options);
      await options.scales.reset(request.name);
      scaling.hurry();
      return {};
    }),
    setAlias: unary(async (request: { name: string; alias: string; number: number }) => {
      if (!/^[a-z][a-z0-9-]{0,62}$/.test(request.alias)) {
        throw new PlatformError('usage', `"${request.alias}" is not an alias`, {
          hint: 'Lower-case letters, digits and hyphens, a letter first.',
        });
      }
      if (request.alias === latestAlias) await pointLatest(request.name, request.number, options);
      else await registry.setAlias(request.name, request.alias, request.number);
      scaling.hurry();
      return {};
    }),
    rollback: unary(async (request: RollbackRequest) => {
      const response = await rollback(request.name, request.version, options);
      scaling.hurry();
      return response;
    }),
    promote: unary(async (request: { name: string }) => {
      const version = await promote(request.name, options);
      scaling.hurry();
      return { version };
    }),
    invoke: unary((request: Parameters<typeof invoke>[0], context) => invoke(request, context, options)),
    invokeStream: serverStream((request: Parameters<typeof invokeStream>[0], { signal }) =>
      invokeStream(request, signal, options),
    ),
    invokeAsync: unary(async (request: InvokeAsyncRequest) => ({ callId: await calls.submit(request) })),
    getCall: unary(({ callId }: { callId: string }) => calls.get(callId)),
    waitCall: unary(({ callId, timeoutMs }: WaitCallRequest, { signal }) => calls.wait(callId, timeoutMs, signal)),
    listCalls: serverStream((request: ListCallsRequest, { signal }) => calls.list(request, signal)),
    cancelCall: unary(async ({ callId }: { callId: string }) => ({ call: await calls.cancel(callId) })),
    listSubjects: unary((request: { pattern: string }) => listSubjects(request.pattern, options.manager)),
    getLatestEvent: unary((request: GetLatestEventRequest) => getLatestEvent(request, options)),
    getUsage: unary((request: GetUsageRequest) => {
      options.usage.add(fleet.ready());
      return { rows: (request.byScan ? options.scans : options.usage).rows(registry) };
    }),
    listNodes: unary(() => ({ nodes: fleet.list() })),
    waitReady: unary((request: WaitReadyRequest, { signal }) => waitReady(request, signal, options)),
    getScale: unary((request: { name: string }) => getScale(request.name, options)),
    getNodeScale: unary(() => getNodeScale(fleet, options.nodeScaling)),
    setScale: unary((request: SetScaleRequest) => setScale(request, options)),
    watch: serverStream((request: WatchRequest, { signal }) => watch(request, options, signal)),
    listDeadLetters: serverStream((request: Parameters<typeof listDeadLetters>[0], { signal }) =>
      listDeadLetters(request, options, signal),
    ),
    getDeadLetter: unary((request: { function: string; sequence: number }) =>
      getDeadLetter(request.function, request.sequence, options),
    ),
    redriveDeadLetters: unary((request: Parameters<typeof redriveDeadLetters>[0], { signal }) =>
      redriveDeadLetters(request, options, signal),
    ),
    purgeDeadLetters: unary((request: Parameters<typeof purgeDeadLetters>[0]) => purgeDeadLetters(request, options)),
    setSecret: unary(async (request: Parameters<typeof setSecret>[1]) => {
      await setSecret(secrets, request);
      return {};
    }),
    listSecrets: unary(() => listSecrets(secrets)),
    deleteSecret: unary(async (request: { name: string }) => {
      await deleteSecret(secrets, request.name);
      return {};
    }),
    listTriggers: unary((request: { function: string }) => listTriggers(request.function, options)),
    pauseTrigger: unary(async (request: PauseTriggerRequest) => {
      const changed = await pauseTrigger(request, options);
      scaling.hurry();
      return { changed };
    }),
    drainNode: unary((request: { node: string; graceMs: number }) => drainNode(request, fleet)),
    logs: serverStream((request: Parameters<typeof readLogs>[1], { signal }) => {
      registry.get(request.function);
      return readLogs(connection, request, signal);
    }),
  };
  return [GatewayService, implementation];
}

async function drainNode(
  { node, graceMs }: { node: string; graceMs: number },
  fleet: Fleet,
): Promise<{ killed: number }> {
  const link = fleet.link(node);
  if (!link) {
    throw new PlatformError('not-found', `the pilot has no node "${node}"`, {
      hint: 'Those it has: pilotfish node list',
    });
  }
  return { killed: await link.drain(graceMs) };
}

async function waitReady(
  request: WaitReadyRequest,
  signal: AbortSignal,
  { fleet, changes, clock }: GatewayServiceOptions,
): Promise<{ nodes: Node[] }> {
  const deadline = clock.monotonic() + Math.min(request.timeoutMs || waitReadyMsMax, waitReadyMsMax);
  for (;;) {
    const ready = fleet.list().filter((node) => node.state === 'ready');
    if (ready.length >= request.nodes) return { nodes: ready };
    const left = deadline - clock.monotonic();
    if (left <= 0 || signal.aborted) {
      throw new PlatformError('timeout', `${ready.length} of ${request.nodes} nodes are ready`, {
        hint: "The nodes' logs lie in the pilot's directory under nodes/.",
      });
    }
    await changes.next(clock, left, signal);
  }
}
