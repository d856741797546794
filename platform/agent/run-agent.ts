/** Wires an agent: broker, spawner, gRPC server, registration; and takes it down again in the opposite order. */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { NatsConnection } from '@nats-io/transport-node';
import { ArtifactStore, connectNats, inboxPrefix, openBuckets, openClaimFolder, readSeed, spareCopies } from '#broker';
import { type Clock, systemClock } from '#common';
import type { NodeIsolation } from '#isolation';
import type { AgentConfig, ChildMessage } from '#model';
import { locateBrokers } from '#pilot';
import { nodesKeepalive, readTls, startLineServer, startRpcServer, type TlsIdentity } from '#rpc';
import { brokerServerName } from '#security';
import { createLogger } from '#telemetry';
import { Agent } from './agent.ts';
import { agentAdmission, isGateway } from './agent-admission.ts';
import { agentService } from './agent-service.ts';
import { CallLine } from './calls/call-line.ts';
import { ClaimService } from './claims/claim-service.ts';
import { PeerClaims } from './claims/peer-claims.ts';
import { clearSpools } from './gather/spool.ts';
import { SpawnerClient } from './instances/spawner-client.ts';
import { followCertificate } from './node/follow-certificate.ts';
import { NodeReports } from './node/node-report.ts';
import { Registration } from './node/registration.ts';
import { openTraces } from './traces/traces.ts';

export interface RunAgentOptions {
  readonly config: AgentConfig;
  /** Scripts of the spawner and of the instance host. */
  readonly spawnerScript: string;
  readonly hostScript: string;
  /** What confines instances here; being found out, meanwhile. */
  readonly isolation: Promise<NodeIsolation>;
  /** Loaded where traces are wanted. */
  readonly tracingScript: string;
  readonly nodeBinary: string;
  /** What of it a manifest names is handed on to instances. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly toLauncher: (message: ChildMessage) => void;
}

/** For the last words to broker and gateway, once nothing runs any more. */
const leaveMs = 1_000;

export interface RunningAgent {
  readonly address: string;
  /** Drains for at most `graceMs`, then ends everything the agent started. */
  close(graceMs: number): Promise<void>;
}

function locateOf({ brokersDirectory, brokers }: AgentConfig): (() => readonly string[]) | undefined {
  return brokersDirectory === undefined ? undefined : () => locateBrokers(brokersDirectory, brokers[0] ?? '');
}

/** The launcher has no connection of its own. */
async function tellOfBroker(connection: NatsConnection, tell: RunAgentOptions['toLauncher']): Promise<void> {
  for await (const { type } of connection.status()) {
    if (type === 'disconnect') tell({ broker: 'away' });
    if (type === 'reconnect') tell({ broker: 'back' });
  }
}

export async function runAgent(options: RunAgentOptions): Promise<RunningAgent> {
  const { config, toLauncher } = options;
  const clock: Clock = systemClock;
  const logger = createLogger({ pilot: config.pilot, node: config.node, process: 'agent' });
  const spools = join(config.runDirectory, 'spool');
  mkdirSync(spools, { recursive: true, mode: 0o700 });
  clearSpools(spools);
  const [claimFolder, connection, spawner, isolation] = await Promise.all([
    openClaimFolder(config.claims, config.node),
    connectNats({
      servers: config.brokers,
      seed: readSeed(config.seedFile),
      role: 'agent',
      member: config.node,
      tls: { ca: readTls(config.tls).ca, serverName: brokerServerName(config.pilot) },
      firstAttemptsMax: -1,
      locate: locateOf(config),
    }),
    SpawnerClient.start({
      script: options.spawnerScript,
      execPath: options.nodeBinary,
      configFile: join(config.nodeDirectory, 'agent.json'),
      socketPath: join(config.runDirectory, `agent-${process.pid}.sock`),
      logger,
    }),
    options.isolation,
  ]);
  spareCopies(connection);
  void tellOfBroker(connection, toLauncher);
  const buckets = await openBuckets(connection);
  const tls = readTls(config.tls);
  const peers = new PeerClaims({ pilot: config.pilot, nodes: buckets.nodes, tls });
  const claims = new ClaimService(claimFolder, clock);
  const traces = await openTraces(config, options.tracingScript, clock);
  const agent = new Agent({
    config,
    traces,
    connection,
    buckets,
    artifacts: ArtifactStore.lazy(connection),
    spawner,
    clock,
    logger,
    hostScript: options.hostScript,
    nodeBinary: options.nodeBinary,
    isolation,
    environment: options.environment,
    claimFolder,
    readFromPeer: (node, name) => peers.read(node, name),
    onProcess: (event) => toLauncher('pid' in event ? { started: event } : { ended: { pid: event.endedPid } }),
  });
  const reports = new NodeReports(agent, clock);
  const { host } = config;
  const services = [agentService({ agent, reports, claims })];
  const token = randomBytes(24).toString('base64url');
  const socketPath = join(config.runDirectory, 'calls.sock');
  const onLine = (socket: Socket) => void new CallLine(socket, { agent, token, logger });
  const [server, lines] = await Promise.all([
    startRpcServer({
      host,
      port: 0,
      tls,
      services,
      reflection: false,
      admission: agentAdmission,
      keepalive: nodesKeepalive,
    }),
    startLineServer({ host, tls, socketPath, isCaller: isGateway, onLine }),
  ]);
  const renew = (renewed: TlsIdentity) => {
    server.renew(renewed);
    lines.renew(renewed);
    peers.renew(renewed);
  };
  const stopFollowing = followCertificate(config.tls, renew, logger);
  const calls = { address: lines.address, socketPath, token };
  const { address } = server;
  const registration = new Registration({
    nodes: buckets.nodes,
    config,
    address,
    calls,
    reportEveryMs: () => agent.reportEveryMs,
    clock,
    logger,
  });
  await registration.start();
  agent.resume();
  logger.info({ address: server.address, inbox: inboxPrefix('agent', config.node) }, 'agent ready');
  return {
    address: server.address,
    async close(graceMs) {
      await agent.drain(graceMs);
      const leave = async () => {
        stopFollowing();
        reports.close();
        claims.close();
        peers.close();
        await registration.close();
        await Promise.all([agent.close(), traces?.close()]);
        await Promise.all([server.close(500), lines.close()]);
        await connection.close();
      };
      // The broker may be gone already: what it should still be told must not hold up the end.
      await Promise.race([leave(), clock.sleep(leaveMs)]);
      await spawner.close();
    },
  };
}
