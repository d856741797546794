/** Brings up one instance: a host from the pool, the function's artifact, and the two put together. */
import { join } from 'node:path';
import { type Buckets, headerLines, publishSubject, type StateValues } from '#broker';
import type { ClaimFolder } from '#claims';
import { type Clock, messageOf, PlatformError } from '#common';
import type { FunctionKind, LoadHeader, LogHeader, PublishHeader } from '#frames';
import { CoreSlots, foreignPlan, needsOwnHost, nodePlan, pinsCores } from '#isolation';
import { callsAtOnce } from '#model';
import type { FunctionVersion } from '#proto';
import type { Logger } from '#telemetry';
import { claimOverBytesDefault, type OutputStore } from '../claims/output-store.ts';
import type { LogEntry, LogSink } from '../records/log-sink.ts';
import { StateStore } from '../records/state-store.ts';
import type { UserMetrics } from '../records/user-metrics.ts';
import type { ArtifactCache } from './artifact-cache.ts';
import { BodyFiles } from './body-files.ts';
import { CodeCache } from './code-cache.ts';
import { FunctionFolders } from './function-folder.ts';
import { GpuSlots } from './gpu-slots.ts';
import { HostPool } from './host-pool.ts';
import { type HostProcess, type HostSettings, scratchOf } from './host-process.ts';
import { Instance } from './instance.ts';
import type { InstanceEvents } from './instance-options.ts';
import { readSecrets } from './secret-reader.ts';
import { holdsStack, type StackMap } from './stack-map.ts';

export interface InstanceStarterOptions extends HostSettings {
  readonly cache: ArtifactCache;
  readonly buckets: Pick<Buckets, 'secrets'>;
  readonly stateValues: StateValues;
  readonly outputs: OutputStore;
  readonly logs: LogSink;
  readonly metrics: UserMetrics;
  readonly claimFolder: ClaimFolder | undefined;
  readonly stacksOf: (digest: string) => StackMap | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

const defaultMemoryBytes = 256 * 2 ** 20;

export class InstanceStarter {
  readonly #options: InstanceStarterOptions;
  readonly #hosts: HostPool;
  readonly #codeCache: CodeCache;
  readonly #folders: FunctionFolders;
  readonly #cores: CoreSlots;
  readonly #gpus: GpuSlots;
  /** Spares, and how each gets its cores. */
  readonly #unpinned = new WeakMap<Instance, () => void>();
  readonly #inMemory: boolean;
  /** Results that become claimed payloads are taken over as files. */
  #movesResults = false;
  readonly #state: StateStore;

  constructor(options: InstanceStarterOptions) {
    this.#options = options;
    this.#hosts = new HostPool(options);
    this.#state = new StateStore(options.stateValues);
    const { cache, config } = options;
    this.#folders = new FunctionFolders(join(config.nodeDirectory, 'functions'), (digest) => cache.pathOf(digest));
    this.#inMemory = BodyFiles.isPossibleIn(config.runDirectory);
    if (this.#inMemory) void this.#learnMoves();
    this.#cores = new CoreSlots(pinsCores(options.isolation, config.slots) ? options.isolation.cores : []);
    this.#gpus = new GpuSlots(config.gpus ?? 0, options.environment);
    this.#codeCache = new CodeCache({
      artifactPath: (digest) => options.cache.pathOf(digest),
      fork: () => this.#hosts.startOwn((places) => nodePlan(places, defaultMemoryBytes)),
      onTrouble: (functionName, error) => options.logger.info({ function: functionName, error }, 'no code cache'),
    });
  }

  /** The version may be wanted soon: its artifact is fetched, and a host of its memory class boots. */
  prepare(version: FunctionVersion): void {
    if (version.spec && !needsOwnHost(version.spec)) this.#hosts.prepare(memoryOf(version));
    this.#options.cache.fetchVersion(version).then(
      () => this.#codeCache.prepare(version, this.#loadHeader('', version, {})),
      // Whoever starts an instance later sees the error.
      () => undefined,
    );
  }

  /** Returns at once; whatever goes wrong ends in `onEnded`. A spare has no processor of its own. */
  start(
    version: FunctionVersion,
    events: Pick<InstanceEvents<Instance>, 'onReady' | 'onRoom' | 'onEnded'>,
    { spare = false } = {},
  ): Instance {
    const { clock } = this.#options;
    // A foreign program, or one with permissions, is started once its files are here.
    let host = version.spec && needsOwnHost(version.spec) ? undefined : this.#hosts.take(memoryOf(version));
    const id = host?.id ?? this.#hosts.nextId();
    const takeCores = () => this.#cores.take(version.spec?.resources?.cpu || 1);
    let cores = spare ? undefined : takeCores();
    const gpus = this.#gpus.take(version.spec?.resources?.gpus ?? 0);
    const log = (line: LogHeader, text: string) =>
      this.#log(version, { functionName: version.function, instance: id, ...line, text });
    const instance: Instance = new Instance({
      id,
      clock,
      concurrency: callsAtOnce(version.spec),
      memoryBytes: memoryOf(version),
      scratch: scratchOf(this.#options.config.runDirectory, id),
      bodies: this.#bodiesOf(version, id),
      pid: () => host?.pid ?? 0,
      kill: (signal) => (host ? host.kill(signal) : instance.processEnded('it was ended before it was started')),
      events: {
        ...events,
        onEnded: (ended, reason, unstarted) => {
          if (cores) this.#cores.give(cores);
          if (gpus) this.#gpus.give(gpus);
          events.onEnded(ended, reason, unstarted);
        },
        onCodeCacheRejected: () => this.#codeCache.replace(version, this.#loadHeader('', version, {})),
        onLog: (_, line, text) => log(line, text),
        onPublish: (publish, data, done) => this.#publish(version, publish, data, done),
        onMetrics: (samples) => this.#options.metrics.add(version.function, samples),
        onState: (state, value) => this.#state.run(version.function, state, value),
      },
    });
    if (spare) {
      this.#unpinned.set(instance, () => {
        cores = takeCores();
        if (cores) host?.pin(cores);
      });
    }
    const fetched = gpus
      ? this.#fetch(version)
      : Promise.reject(new Error('instances that are about to end still hold the GPUs'));
    fetched.then(
      (secrets) => {
        if (instance.phase === 'stopped') return host?.kill('SIGKILL');
        host ??= this.#startOwn(version, id, this.#gpus.environmentOf(gpus ?? []));
        const load = this.#loadHeader(id, version, secrets);
        host.adopt({
          connected: (socket, early) => {
            if (cores) host?.pin(cores);
            instance.connect(socket, early, load);
          },
          output: (level, text, dropped) => log({ level, call: '', ...(dropped ? { dropped } : {}) }, text),
          ended: (reason) => instance.processEnded(reason),
        });
      },
      (error: unknown) => {
        host?.kill('SIGKILL');
        const { hint } = PlatformError.from(error);
        instance.processEnded(`what it needs could not be had: ${messageOf(error)}${hint && ` (${hint})`}`);
      },
    );
    return instance;
  }

  /** The spare works from now on: it has processors of its own, as the others. */
  adopt(spare: Instance): void {
    this.#unpinned.get(spare)?.();
    this.#unpinned.delete(spare);
  }

  /** No host waits any more. */
  close(): void {
    this.#hosts.close();
  }

  /** A stack is mapped first; while its map is fetched, the first time, other lines may come before it. */
  #log({ digest }: FunctionVersion, entry: LogEntry): void {
    const stacks = holdsStack(entry.text) ? this.#options.stacksOf(digest) : undefined;
    if (stacks) void stacks.map(entry.text).then((text) => this.#options.logs.write({ ...entry, text }));
    else this.#options.logs.write(entry);
  }

  async #learnMoves(): Promise<void> {
    const { claimFolder, config } = this.#options;
    this.#movesResults = (await claimFolder?.takesFrom(config.runDirectory)) ?? false;
  }

  /** Foreign programs are given everything through the socket: their protocol stays as small as it is. */
  #bodiesOf({ spec }: FunctionVersion, id: string): BodyFiles | undefined {
    if (!this.#inMemory || spec?.kind === 'process') return undefined;
    const { runDirectory } = this.#options.config;
    return new BodyFiles(scratchOf(runDirectory, id));
  }

  /** Everything that an instance needs on this node; returns the values of its secrets. */
  async #fetch(version: FunctionVersion): Promise<Record<string, string>> {
    const { cache, buckets } = this.#options;
    const [secrets] = await Promise.all([
      readSecrets(buckets.secrets, version.spec?.secrets ?? []),
      cache.fetchVersion(version),
    ]);
    if (version.spec?.kind === 'process') this.#folders.layOut(version);
    return secrets;
  }

  /** `more` is told to this instance alone. */
  #startOwn(version: FunctionVersion, id: string, more: Readonly<Record<string, string>>): HostProcess {
    const { spec } = version;
    const folder = this.#folders.pathOf(version);
    return this.#hosts.startOwn((places) => {
      const plan =
        spec?.kind === 'process'
          ? foreignPlan(places, version, folder)
          : nodePlan(places, memoryOf(version), spec?.permissions);
      return { ...plan, env: { ...plan.env, ...more } };
    }, id);
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
      artifact: version.spec?.kind === 'process' ? this.#folders.pathOf(version) : cache.pathOf(version.artifactDigest),
      files: Object.fromEntries(version.files.map(({ path, digest }) => [path, cache.pathOf(digest)])),
      codeCache: this.#codeCache.pathOf(version),
      config: version.spec?.configJson ? JSON.parse(version.spec.configJson) : {},
      secrets,
      concurrency: version.spec?.concurrency || 1,
      batch: { size: version.spec?.batch?.size || 1, waitMs: version.spec?.batch?.waitMs ?? 0 },
      resultFolder: this.#inMemory && version.spec?.kind !== 'process' ? scratchOf(config.runDirectory, id) : '',
      memoryBytes: memoryOf(version),
      ...(this.#movesResults ? { claimOver: claimOverOf(version) } : {}),
    };
  }

  #publish(version: FunctionVersion, publish: PublishHeader, data: Uint8Array, done: (error: string) => void): void {
    try {
      const lines = headerLines(Object.entries(publish.headers));
      const output = { subject: publishSubject(publish.subject), data, id: publish.messageId, lines };
      const settled = (error: Error | undefined) => done(error?.message ?? '');
      this.#options.outputs.store(output, settled, claimOverOf(version));
    } catch (error) {
      done(messageOf(error));
    }
  }
}

function claimOverOf({ spec }: FunctionVersion): number {
  return spec?.claimOverBytes || claimOverBytesDefault;
}

function memoryOf(version: FunctionVersion): number {
  return version.spec?.resources?.memoryBytes || defaultMemoryBytes;
}
