/** The node's nats-server: its ports, its configuration, and what it is told while it runs. */
import { checkServerVersion, locateServer, readServerAddress, type ServerSearch } from '#broker';
import type { NodeConfig } from '#model';
import { nodePaths, pilotPaths, waitForFile } from '#pilot';
import { writePrivate } from '#security';
import type { Logger } from '#telemetry';
import { chooseBrokerPorts, readRoutes, writeBrokerRecord } from './broker-ports.ts';
import { clusterOf, nextTokenEnd, portOf, serverConfigText } from './child-configs.ts';
import { followUsers } from './follow-users.ts';
import type { PilotFiles } from './pilot-files.ts';
import { watchStore } from './store-watch.ts';
import type { OwnOptions, SupervisedChild } from './supervised-child.ts';

export interface BrokerStart {
  readonly config: NodeConfig;
  readonly natsServer: ServerSearch;
  /** Where the server writes down which port it has got. */
  readonly portsDirectory: string;
  readonly files: PilotFiles;
  readonly addChild: (options: OwnOptions) => SupervisedChild;
  readonly logger: Logger;
  /** The launcher is ending. */
  readonly signal: AbortSignal;
}

export const brokerGraceMs = 5_000;

/** Resolves once the server is ready, with the port of this node's gateway; 0 where any will do. */
export async function startBroker(start: BrokerStart): Promise<number> {
  const { config, natsServer, portsDirectory, files, addChild, signal } = start;
  const paths = nodePaths(config.nodeDirectory);
  const program = locateServer(natsServer);
  const record = await chooseBrokerPorts(config);
  if (config.brokers > 1) await files.routes();
  if (config.brokers > 1 || config.block !== undefined) await files.keys();
  let port = -1;
  const writeConfig = () => {
    const where = { port, portsDirectory, storeDirectory: paths.store };
    const cluster = clusterOf(config, record.route, readRoutes(config) ?? []);
    writePrivate(paths.serverConfig, serverConfigText(config, where, cluster));
  };
  const server = addChild({
    name: 'nats-server',
    prepare: () => {
      writeConfig();
      return [program, '--config', paths.serverConfig];
    },
    watchReady: (pid, ended) =>
      waitForFile({
        directory: portsDirectory,
        look: () => readServerAddress(portsDirectory, pid),
        what: 'the broker',
        signal: ended,
        pollMs: 50,
      }),
    onReady: (address) => {
      port = portOf(address);
    },
  });
  const address = await untilReady(server, program);
  writeBrokerRecord(config, { ...record, server: address });
  const stop = keepServer(start, server, writeConfig);
  signal.addEventListener('abort', stop, { once: true });
  return record.gateway === '' ? 0 : portOf(record.gateway);
}

/** The version is asked beside the start, not before it; but its answer comes first: an old server fails in ways that explain nothing. */
async function untilReady(server: SupervisedChild, program: string): Promise<string> {
  const version = checkServerVersion(program);
  version.catch(() => undefined);
  server.start();
  return await Promise.all([version, server.ready]).then(
    ([, ready]) => ready,
    (error) => version.then(() => Promise.reject(error)),
  );
}

/** New users and keys are told to the server, and one whose store had no room is started anew; until the returned function is called. */
function keepServer({ config, logger }: BrokerStart, server: SupervisedChild, writeConfig: () => void): () => void {
  const { users: file } = pilotPaths(config.pilotDirectory);
  const nextEnd = () => nextTokenEnd(config);
  const stopFollowing = followUsers({ file, nextEnd, reload: () => server.reload(writeConfig), logger });
  const paths = nodePaths(config.nodeDirectory);
  const watch = { logFile: paths.log('nats-server'), storeDirectory: paths.store, logger };
  const stopWatching = watchStore({ ...watch, restart: () => server.restart(brokerGraceMs) });
  return () => {
    stopFollowing();
    stopWatching();
  };
}
