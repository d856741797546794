/** Wires a gateway: takes its epoch, loads what the last one left, serves. */
import type { NatsConnection } from '@nats-io/transport-node';
import { inboxPrefix, openClaimFolder } from '#broker';
import { PlatformError, systemClock } from '#common';
import type { GatewayConfig } from '#model';
import { listBlocks, readLimits } from '#pilot';
import { Registry, ScaleStore, TriggerStates, WantedStore } from '#registry';
import { leaving, type RpcServer, readTls, startRpcServer } from '#rpc';
import { createLogger } from '#telemetry';
import { openAccess } from './access/index.ts';
import { Calls } from './calls/index.ts';
import { invoke } from './calls/invoke.ts';
import { Changes } from './changes.ts';
import { ClaimKeeper, type ClaimKeeperOptions } from './claims/claim-keeper.ts';
import { Trimmer } from './events/trimmer.ts';
import { gatewayService } from './gateway-service.ts';
import { openHttp } from './http/open-http.ts';
import { ExtensionRenewal } from './jobs/extension-renewal.ts';
import { NodeScaling, type NodeScalingOptions } from './jobs/node-scaling.ts';
import { Renewal } from './jobs/renewal.ts';
import { Successors } from './jobs/successors.ts';
import { ScanTotals, TotalsStore, UsageTotals, UserTotals } from './metrics/index.ts';
import { Fleet } from './nodes/fleet.ts';
import { JobWatch } from './nodes/job-watch.ts';
import { DeadLetterCounts, Happenings, History, Journal, tellEarlier } from './observe/index.ts';
import { metricsText, Pages } from './pages/index.ts';
import { DecisionKeeper } from './scaling/decision-keeper.ts';
import { DecisionLog } from './scaling/decision-log.ts';
import { ScalingLoop } from './scaling/scaling-loop.ts';
import { takeOver } from './take-over.ts';

export interface RunningGateway {
  readonly address: string;
  close(): Promise<void>;
}

/**
 * `stop`: ends the process, because another gateway acts. An aborted signal ends the wait of one that stands by; `assets` is
 * where the dashboard's files lie.
 */
export async function runGateway(
  config: GatewayConfig,
  stop: (reason: string) => void,
  { signal, assets }: { readonly signal: AbortSignal; readonly assets: string },
): Promise<RunningGateway> {
  const clock = systemClock;
  const logger = createLogger({ pilot: config.pilot, node: config.node, process: 'gateway' });
  const tls = readTls(config.tls);
  const taken = await takeOver(config, clock, logger, signal);
  const { connection, manager, buckets, artifacts } = taken;
  const epoch = taken.epoch.number;
  void taken.epoch.followed.then(() => stop('another gateway has taken over'));
  const store = new WantedStore(buckets.registry);
  const [registry, triggerStates, scales, initial] = await Promise.all([
    Registry.load(buckets.registry),
    TriggerStates.load(buckets.registry),
    ScaleStore.load(buckets.registry),
    store.load(),
  ]);
  const changes = new Changes();
  const journal = await Journal.open({ bucket: buckets.observed, clock, logger });
  const happenings = new Happenings(clock, journal);
  happenings.add('node', config.node, `gateway ${epoch} begins`);
  const jobs = new JobWatch({
    pilotDirectory: config.pilotDirectory,
    clock,
    logger,
    onChange: () => fleet.tellEnds(),
  });
  const usage = new UsageTotals();
  const user = new UserTotals((text) => logger.warn(text));
  const scans = new ScanTotals();
  const totals = await TotalsStore.open({ bucket: buckets.observed, registry, usage, user, scans, clock, logger });
  const fleet: Fleet = new Fleet({
    pilot: config.pilot,
    node: config.node,
    nodes: buckets.nodes,
    tls,
    epoch,
    clock,
    logger,
    endOf: (node) => jobs.endOf(node),
    onMetrics: (entry, report) => {
      user.add(entry, report.userMetrics);
      scans.add({ id: entry.node, slots: entry.slots }, report.scans);
    },
    onGone: (link) => usage.add([link]),
    onHappening: (node, text, level) => happenings.add('node', node, text, level),
    onChange: () => {
      changes.announce();
      scaling?.hurry();
    },
  });
  void followConnection(connection, fleet);
  let scaling: ScalingLoop | undefined;
  const claims = await keepClaims(config, { connection, manager, fleet, clock, logger });
  const decisions = new DecisionLog();
  const functions = registry.list().map(({ name }) => name);
  const kept = await DecisionKeeper.open({ bucket: buckets.observed, log: decisions, functions, clock, logger });
  const stores = { registry, store, scales, triggerStates, decisions, initial, claims };
  const { nodesMax = 0 } = readLimits(config.pilotDirectory);
  scaling = new ScalingLoop({ ...stores, nodesMax, fleet, manager, clock, logger });
  const trimmer = new Trimmer({
    connection,
    manager,
    inbox: inboxPrefix('gateway', config.node),
    buckets,
    functions: () => registry.list().flatMap((entry) => registry.latest(entry.name).spec ?? []),
    clock,
    logger,
    claims,
  });
  const inbox = inboxPrefix('gateway', config.node);
  const calls = await Calls.open({
    connection,
    manager,
    inbox,
    registry,
    invoke: (request, signal, dueMs) =>
      invoke(request, leaving(signal), { registry, fleet, scaling, changes, clock }, { dueMs }),
    clock,
    logger,
  });
  void resetOnReconnect(connection, calls);
  const access = await openAccess({
    connection,
    manager,
    bucket: buckets.tokens,
    files: config.access,
    clock,
    logger,
    renew: () => {
      const renewed = readTls(config.tls);
      server.renew(renewed);
      http.door.renew(renewed);
      fleet.renew(renewed);
    },
    cut: (name) => server.connections.cut(name) + http.door.cut(name),
  });
  const view = { registry, fleet, scaling, clock, deadLetters: new DeadLetterCounts(manager, clock) };
  const history = new History({ ...view, usage });
  access.audit.onEntry = (entry) => happenings.addAudit(entry);
  await tellEarlier(access.audit, registry, happenings);
  const nodeScaling = scaleNodes({ pilotDirectory: config.pilotDirectory, jobs, fleet, scaling, clock, logger });
  const service = gatewayService({
    ...buckets,
    ...view,
    pilot: config.pilot,
    claims: config.claims,
    triggerStates,
    urlOf: (path) => http.door.urlOf(path),
    artifacts,
    manager,
    connection,
    nodeScaling,
    scales,
    changes,
    epoch,
    calls,
    access,
    happenings,
    history,
    usage,
    scans,
    jobs,
  });
  const http = await openHttp({
    ...taken,
    config,
    bucket: buckets.registry,
    registry,
    triggerStates,
    fleet,
    scaling,
    changes,
    gate: access.gate,
    pages: new Pages({
      methods: service[1],
      gate: access.gate,
      pilot: config.pilot,
      assets,
      metrics: () => metricsText({ ...view, jobs, usage, user }),
    }),
    tls,
    clock,
    logger,
  });
  const { pilotDirectory } = config;
  const shared = { jobs, fleet, successors: new Successors({ happenings, clock, logger }), clock, logger };
  const renewal = new Renewal({ ...shared, config, ca: tls.ca, manager, handOver: stop });
  const extensions = new ExtensionRenewal({ ...shared, pilotDirectory });
  const server: RpcServer = await startRpcServer({
    host: config.host,
    port: config.port,
    tls,
    reflection: true,
    admission: access.gate,
    services: [service],
  });
  logger.info({ address: server.address, epoch, functions: registry.list().length }, 'gateway ready');
  return {
    address: server.address,
    async close() {
      await renewal.close();
      await extensions.close();
      await nodeScaling?.close();
      await server.close(500);
      await jobs.close();
      await http.close();
      history.close();
      usage.add(fleet.ready());
      await totals.close();
      await journal.close();
      await calls.close();
      await scaling?.close();
      await kept.close();
      await trimmer.close();
      await access.close();
      claims.close();
      fleet.close();
      await taken.epoch.release();
      await connection.close();
    },
  };
}

/** Where a scheduler gave the nodes, and the user has said how many there may be. */
function scaleNodes(parts: Omit<NodeScalingOptions, 'limits'>): NodeScaling | undefined {
  const limits = readLimits(parts.pilotDirectory);
  if (limits.nodesMax === undefined || listBlocks(parts.pilotDirectory).length === 0) return undefined;
  return new NodeScaling({ ...parts, limits });
}

async function keepClaims(
  { claims, node }: GatewayConfig,
  parts: Pick<ClaimKeeperOptions, 'connection' | 'manager' | 'clock' | 'logger'> & { readonly fleet: Fleet },
): Promise<ClaimKeeper> {
  return new ClaimKeeper({
    ...parts,
    inbox: inboxPrefix('gateway', node),
    folder: claims.place === 'shared' ? await openClaimFolder(claims, node) : undefined,
    releaseAt: async (owner, names) => {
      const link = parts.fleet.link(owner);
      if (!link) throw new PlatformError('unavailable', `node ${owner} is not there`);
      await link.releaseClaims(names);
    },
  });
}

/** Ends with the connection. */
async function resetOnReconnect(connection: NatsConnection, calls: Calls): Promise<void> {
  for await (const { type } of connection.status()) if (type === 'reconnect') calls.reset();
}

/** Ends with the connection. */
async function followConnection(connection: NatsConnection, fleet: Fleet): Promise<void> {
  for await (const { type } of connection.status()) {
    if (type === 'disconnect') fleet.setConnected(false);
    if (type === 'reconnect') fleet.setConnected(true);
  }
}
