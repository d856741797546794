/**
 * The launcher of one node: parent of its nats-server, gateway and agent. Its record is written before anything else
 * happens, so that `down` can find what it started at whatever moment either of them is killed.
 */
import type { ServerSearch } from '#broker';
import { messageOf, PlatformError } from '#common';
import type { NodeConfig } from '#model';
import { failedProgress, forgetEnd, type LauncherProgress, nodePaths, pilotPaths, writeEnd } from '#pilot';
import { makePrivateDirectory, removeTree, writePrivate } from '#security';
import type { Logger } from '#telemetry';
import { brokerGraceMs, startBroker } from './broker-child.ts';
import { BrokerWatch } from './broker-watch.ts';
import { agentConfig, connectionOf, gatewayConfig, portOf } from './child-configs.ts';
import { keepLogsBounded } from './child-logs.ts';
import { LateConfig } from './late-config.ts';
import { probeParentDeath } from './parent-death.ts';
import { PilotFiles } from './pilot-files.ts';
import { RecordKeeper } from './record-keeper.ts';
import {
  chooseRunDirectory,
  emptyDirectory,
  makeClaims,
  makeRunDirectory,
  removeClaims,
  runPaths,
} from './run-directory.ts';
import { isToldToStop, toldToStop, watchStopSigns } from './stop-signs.ts';
import { type ChildName, type OwnOptions, SupervisedChild } from './supervised-child.ts';

export interface LauncherOptions {
  readonly config: NodeConfig;
  /** What to run, given the file of its configuration. */
  readonly commands: Record<'gateway' | 'agent', (configFile: string) => readonly string[]>;
  readonly natsServer: ServerSearch;
  readonly logger: Logger;
  readonly onProgress: (progress: LauncherProgress) => void;
}

/** An agent drains its instances meanwhile. */
const agentGraceMs = 10_000;
const gatewayGraceMs = 5_000;

export class Launcher {
  readonly #options: LauncherOptions;
  /** Of the job, where there is one: what comes before the launcher takes its time, too. */
  readonly #startedAtMs: number;
  readonly #runDirectory: string;
  readonly #stopSignal = new AbortController();
  readonly #finished = Promise.withResolvers<number>();
  readonly #children = new Map<ChildName, SupervisedChild>();
  readonly #record: RecordKeeper;
  readonly #files: PilotFiles;
  readonly #brokerWatch: BrokerWatch;
  #prefix: readonly string[] = [];
  /** 0 at the first start; the same one ever after. */
  #gatewayPort = 0;
  #releaseLogs: () => void = () => undefined;

  constructor(options: LauncherOptions) {
    this.#options = options;
    const { config, logger } = options;
    this.#startedAtMs = config.startedAtMs ?? Date.now();
    this.#runDirectory = chooseRunDirectory(config.pilot, config.node);
    this.#record = new RecordKeeper({
      config,
      logger,
      runDirectory: this.#runDirectory,
      children: () => this.#children.values(),
      onLost: () => void this.stop('its files cannot be written any more'),
    });
    this.#brokerWatch = new BrokerWatch(config, logger, this.#stopSignal.signal);
    const onSigned = () => this.#tellPhase('keys');
    this.#files = new PilotFiles({ config, signal: this.#stopSignal.signal, onSigned });
  }

  /** The exit code, once everything has ended. */
  get finished(): Promise<number> {
    return this.#finished.promise;
  }

  /** Brings the node up; failures end the launcher with exit code 1. */
  async start(): Promise<void> {
    const { config, onProgress } = this.#options;
    this.#record.write();
    forgetEnd(config.nodeDirectory);
    if (config.startedAtMs !== undefined) this.#tellPhase('launcher');
    if (isToldToStop(config) || this.#stopSignal.signal.aborted) return this.stop(toldToStop);
    try {
      makeRunDirectory(this.#runDirectory);
      makePrivateDirectory(nodePaths(config.nodeDirectory).logs);
      makeClaims(config);
      this.#prefix = probeParentDeath();
      watchStopSigns(config, (why) => void this.stop(why), this.#stopSignal.signal);
      // They load their code while keys and broker come about: on a busy node the longest part of a start.
      const tellAgent = this.#startAgent();
      const tellGateway = config.gateway === 'none' ? undefined : this.#startGateway();
      if (config.broker) await this.#startBroker();
      const brokers = await this.#files.servers();
      await this.#files.keys();
      const agent = tellAgent(brokers);
      const gateway = tellGateway?.(brokers);
      // One that stands by is ready when it is needed, if ever.
      await Promise.all(config.gateway === 'first' ? [agent, gateway] : [agent]);
      onProgress({ ready: true, ms: this.#elapsedMs() });
    } catch (error) {
      if (this.#stopSignal.signal.aborted) return;
      this.#options.logger.error({ error: messageOf(error) }, 'the node cannot start');
      onProgress(failedProgress(error, this.#explainingLog(error)));
      await this.#end(1, true, messageOf(error));
    }
  }

  /** Ends the children in order, then the launcher; safe to call again. `why` is for people. */
  async stop(why: string): Promise<void> {
    await this.#end(0, false, why);
  }

  /** For a second signal: no more grace. */
  hasten(): void {
    for (const child of this.#children.values()) child.kill();
  }

  async #end(exitCode: number, hasty: boolean, why: string): Promise<void> {
    if (this.#stopSignal.signal.aborted) return;
    this.#stopSignal.abort();
    if (hasty) this.hasten();
    await this.#children.get('agent')?.stop(agentGraceMs);
    this.#record.killInstances();
    await this.#children.get('gateway')?.stop(gatewayGraceMs);
    await this.#children.get('nats-server')?.stop(brokerGraceMs);
    this.#releaseLogs();
    this.#record.close();
    writeEnd(this.#options.config.nodeDirectory, { atMs: Date.now(), why });
    removeTree(this.#runDirectory);
    removeClaims(this.#options.config);
    this.#finished.resolve(exitCode);
  }

  async #startBroker(): Promise<void> {
    const { config, natsServer, logger } = this.#options;
    this.#gatewayPort = await startBroker({
      config,
      natsServer,
      logger,
      portsDirectory: runPaths(this.#runDirectory).ports,
      files: this.#files,
      addChild: (options) => this.#addChild(options),
      signal: this.#stopSignal.signal,
    });
    this.#tellPhase('broker');
  }

  /** What it returns tells the servers, and resolves once the gateway is ready. */
  #startGateway(): (brokers: string[]) => Promise<void> {
    const { config, commands } = this.#options;
    const settings = new LateConfig(nodePaths(config.nodeDirectory).gatewayConfig);
    let servers: string[] = [];
    const gateway = this.#addChild({
      name: 'gateway',
      prepare: () => {
        settings.write();
        return commands.gateway(settings.file);
      },
      // Each time it acts: another node's may have acted in between.
      onReady: (address) => {
        this.#gatewayPort = portOf(address);
        const connection = connectionOf(config, servers, address);
        writePrivate(pilotPaths(config.pilotDirectory).connection, JSON.stringify(connection, undefined, 2));
      },
    });
    gateway.start();
    return async (brokers) => {
      servers = brokers;
      settings.tell(() => gatewayConfig(config, brokers, this.#gatewayPort));
      await gateway.ready;
      this.#tellPhase('gateway');
    };
  }

  /** The same for the agent. */
  #startAgent(): (brokers: string[]) => Promise<void> {
    const { config, commands } = this.#options;
    const settings = new LateConfig(nodePaths(config.nodeDirectory).agentConfig);
    const directory = runPaths(this.#runDirectory).agent;
    const agent = this.#addChild({
      name: 'agent',
      prepare: () => {
        settings.write();
        return commands.agent(settings.file);
      },
      onMessage: (message) => {
        this.#record.onMessage(message);
        this.#brokerWatch.onMessage(message);
      },
      onReady: () => this.#brokerWatch.back(),
      onDeath: () => {
        this.#record.killInstances();
        this.#brokerWatch.away();
      },
    });
    agent.start();
    return async (brokers) => {
      settings.tell(() => {
        emptyDirectory(directory);
        return agentConfig(config, brokers, directory);
      });
      await agent.ready;
      this.#tellPhase('agent');
    };
  }

  #addChild(options: OwnOptions): SupervisedChild {
    if (this.#stopSignal.signal.aborted) throw new PlatformError('cancelled', 'the launcher is ending');
    const { config, logger } = this.#options;
    const paths = nodePaths(config.nodeDirectory);
    const logFile = paths.log(options.name);
    const child = new SupervisedChild({
      ...options,
      logFile,
      logger,
      prefix: this.#prefix,
      onChange: () => this.#record.write(),
    });
    this.#children.set(options.name, child);
    this.#releaseLogs();
    this.#releaseLogs = keepLogsBounded([...this.#children.keys(), 'launcher'].map((name) => paths.log(name)));
    return child;
  }

  #explainingLog(error: unknown): string {
    const paths = nodePaths(this.#options.config.nodeDirectory);
    const text = messageOf(error);
    const guilty = [...this.#children.keys()].find((name) => text.startsWith(name));
    return paths.log(guilty ?? 'launcher');
  }

  #tellPhase(phase: string): void {
    const ms = this.#elapsedMs();
    this.#options.logger.info({ phase, ms }, 'phase');
    this.#options.onProgress({ phase, ms });
  }

  #elapsedMs(): number {
    return Math.max(0, Math.round(Date.now() - this.#startedAtMs));
  }
}
