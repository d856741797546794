/** Brings up one instance: artifact, scratch directory, process, socket; and clears up after it. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type EventPublisher, encodeHeaders, messageIdHeader, publishSubject } from '#broker';
import { type Clock, messageOf } from '#common';
import type { LoadHeader, PublishHeader } from '#frames';
import type { AgentConfig } from '#model';
import type { FunctionVersion } from '#proto';
import type { ArtifactCache } from './artifact-cache.ts';
import { Instance, type InstanceEvents } from './instance.ts';
import { instanceCommand, instanceEnvironment } from './instance-command.ts';
import type { LogSink } from './log-sink.ts';
import type { SpawnerClient } from './spawner-client.ts';

export interface InstanceStarterOptions {
  readonly config: AgentConfig;
  readonly spawner: SpawnerClient;
  readonly cache: ArtifactCache;
  readonly publisher: EventPublisher;
  readonly logs: LogSink;
  readonly clock: Clock;
  /** Script of the instance host, the node binary, and the words in front of it. */
  readonly hostScript: string;
  readonly nodeBinary: string;
  readonly confiningPrefix: readonly string[];
  /** Tells the launcher of a process that must not outlive this agent. */
  readonly onProcess: (event: { pid: number; startTicks: string } | { endedPid: number }) => void;
}

const defaultMemoryBytes = 256 * 2 ** 20;

export class InstanceStarter {
  readonly #options: InstanceStarterOptions;
  #next = 1;

  constructor(options: InstanceStarterOptions) {
    this.#options = options;
  }

  /** Returns at once; whatever goes wrong ends in `onEnded`. */
  start(version: FunctionVersion, events: Pick<InstanceEvents, 'onReady' | 'onRoom' | 'onEnded'>): Instance {
    const { config, spawner, cache, clock, logs } = this.#options;
    // Unique across restarts of the agent, too: its pid is part of the name.
    const id = `${config.node}-${process.pid.toString(36)}-${(this.#next++).toString(36)}`;
    const instance = new Instance({
      id,
      clock,
      load: this.#loadHeader(id, version),
      kill: (signal) => spawner.kill(id, signal),
      events: {
        ...events,
        onLog: (_, level, call, text) => logs.write(version.function, id, level, call, text),
        onPublish: (publish, data, done) => this.#publish(publish, data, done),
      },
    });
    cache.path(version.artifactDigest).then(
      () => this.#spawn(instance, version),
      (error: unknown) => instance.processEnded(`its artifact could not be had: ${messageOf(error)}`),
    );
    return instance;
  }

  #loadHeader(id: string, version: FunctionVersion): LoadHeader {
    const { config } = this.#options;
    return {
      instance: id,
      node: config.node,
      function: version.function,
      version: version.number,
      digest: version.digest,
      artifact: join(config.nodeDirectory, 'artifacts', `${version.artifactDigest}.cjs`),
      config: version.spec?.configJson ? JSON.parse(version.spec.configJson) : {},
      concurrency: version.spec?.concurrency || 1,
    };
  }

  #spawn(instance: Instance, version: FunctionVersion): void {
    const { spawner, config, hostScript, nodeBinary, confiningPrefix, logs, onProcess } = this.#options;
    if (instance.phase === 'stopped') return;
    const scratch = join(config.runDirectory, 'scratch', instance.id);
    mkdirSync(scratch, { recursive: true, mode: 0o700 });
    const argv = instanceCommand({
      node: nodeBinary,
      host: hostScript,
      memoryBytes: version.spec?.resources?.memoryBytes || defaultMemoryBytes,
      readable: [join(config.nodeDirectory, 'artifacts'), join(config.runDirectory, 'spool')],
      scratch,
      prefix: confiningPrefix,
    });
    spawner.spawn(
      { instance: instance.id, argv, env: instanceEnvironment, cwd: scratch },
      {
        started: (pid, startTicks) => {
          instance.pid = pid;
          onProcess({ pid, startTicks });
        },
        connected: (socket, early) => instance.connect(socket, early),
        output: (level, text) => logs.write(version.function, instance.id, level, '', text),
        ended: (reason) => {
          rmSync(scratch, { recursive: true, force: true });
          if (instance.pid > 0) onProcess({ endedPid: instance.pid });
          instance.processEnded(reason);
        },
      },
    );
  }

  #publish(publish: PublishHeader, data: Uint8Array, done: (error: string) => void): void {
    try {
      const headers = encodeHeaders([[messageIdHeader, publish.messageId], ...Object.entries(publish.headers)]);
      this.#options.publisher.publish(publishSubject(publish.subject), data, headers, (error) =>
        done(error?.message ?? ''),
      );
    } catch (error) {
      done(messageOf(error));
    }
  }
}
