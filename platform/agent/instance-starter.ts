/** Brings up one instance: a host from the pool, the function's artifact, and the two put together. */
import { type Buckets, type EventPublisher, encodeHeaders, messageIdHeader, publishSubject } from '#broker';
import { type Clock, messageOf } from '#common';
import type { FunctionKind, LoadHeader, PublishHeader } from '#frames';
import { callsAtOnce } from '#model';
import type { FunctionVersion } from '#proto';
import type { Logger } from '#telemetry';
import type { ArtifactCache } from './artifact-cache.ts';
import { CodeCache } from './code-cache.ts';
import { HostPool } from './host-pool.ts';
import type { HostSettings } from './host-process.ts';
import { Instance, type InstanceEvents } from './instance.ts';
import type { LogSink } from './log-sink.ts';
import { readSecrets } from './secret-reader.ts';
import { StateStore } from './state-store.ts';

export interface InstanceStarterOptions extends HostSettings {
  readonly cache: ArtifactCache;
  readonly buckets: Pick<Buckets, 'state' | 'secrets'>;
  readonly publisher: EventPublisher;
  readonly logs: LogSink;
  readonly clock: Clock;
  readonly logger: Logger;
}

const defaultMemoryBytes = 256 * 2 ** 20;

export class InstanceStarter {
  readonly #options: InstanceStarterOptions;
  readonly #hosts: HostPool;
  readonly #codeCache: CodeCache;
  readonly #state: StateStore;

  constructor(options: InstanceStarterOptions) {
    this.#options = options;
    this.#hosts = new HostPool(options);
    this.#state = new StateStore(options.buckets.state);
    this.#codeCache = new CodeCache({
      artifactPath: (digest) => options.cache.pathOf(digest),
      fork: () => this.#hosts.fork(defaultMemoryBytes),
      clock: options.clock,
      onTrouble: (functionName, error) => options.logger.info({ function: functionName, error }, 'no code cache'),
    });
  }

  /** The version may be wanted soon: its artifact is fetched, and a host of its memory class boots. */
  prepare(version: FunctionVersion): void {
    this.#hosts.prepare(memoryOf(version));
    this.#options.cache.fetchVersion(version).then(
      () => this.#codeCache.prepare(version, this.#loadHeader('', version, {})),
      // Whoever starts an instance later sees the error.
      () => undefined,
    );
  }

  /** Returns at once; whatever goes wrong ends in `onEnded`. */
  start(version: FunctionVersion, events: Pick<InstanceEvents, 'onReady' | 'onRoom' | 'onEnded'>): Instance {
    const { cache, clock, logs } = this.#options;
    const host = this.#hosts.take(memoryOf(version));
    const log = (level: string, call: string, text: string) =>
      logs.write({ functionName: version.function, instance: host.id, level, call, text });
    const instance = new Instance({
      id: host.id,
      clock,
      concurrency: callsAtOnce(version.spec),
      pid: () => host.pid,
      kill: (signal) => host.kill(signal),
      events: {
        ...events,
        onLog: (_, level, call, text) => log(level, call, text),
        onPublish: (publish, data, done) => this.#publish(publish, data, done),
        onState: (state, value) => this.#state.run(version.function, state, value),
      },
    });
    const { secrets } = this.#options.buckets;
    Promise.all([readSecrets(secrets, version.spec?.secrets ?? []), cache.fetchVersion(version)]).then(
      ([values]) =>
        host.adopt({
          connected: (socket, early) => instance.connect(socket, early, this.#loadHeader(host.id, version, values)),
          output: (level, text) => log(level, '', text),
          ended: (reason) => instance.processEnded(reason),
        }),
      (error: unknown) => {
        host.kill('SIGKILL');
        instance.processEnded(`what it needs could not be had: ${messageOf(error)}`);
      },
    );
    return instance;
  }

  /** No host waits any more. */
  close(): void {
    this.#hosts.close();
  }

  #loadHeader(id: string, version: FunctionVersion, secrets: Readonly<Record<string, string>>): LoadHeader {
    const { config, cache } = this.#options;
    return {
      instance: id,
      node: config.node,
      function: version.function,
      version: version.number,
      digest: version.digest,
      kind: (version.spec?.kind || 'typescript') as FunctionKind,
      artifact: cache.pathOf(version.artifactDigest),
      files: Object.fromEntries(version.files.map(({ path, digest }) => [path, cache.pathOf(digest)])),
      codeCache: this.#codeCache.pathOf(version),
      config: version.spec?.configJson ? JSON.parse(version.spec.configJson) : {},
      secrets,
      concurrency: version.spec?.concurrency || 1,
      batch: { size: version.spec?.batch?.size || 1, waitMs: version.spec?.batch?.waitMs ?? 0 },
      memoryBytes: memoryOf(version),
    };
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

function memoryOf(version: FunctionVersion): number {
  return version.spec?.resources?.memoryBytes || defaultMemoryBytes;
}
