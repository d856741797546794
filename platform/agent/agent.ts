/**
 * The agent of one node: keeps the wanted instances running and feeds them events and calls.
 * `apply` states what is wanted; everything else follows from reconciling, again and again.
 */
import { join } from 'node:path';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { ClaimWriter, EventPublisher, inboxPrefix, StateValues } from '#broker';
import { type Clock, PlatformError } from '#common';
import { type AgentConfig, longestCallMs } from '#model';
import type { ApplyRequest, FunctionVersion, Isolation, WantedFunction } from '#proto';
import { drainMarginMs, hasTimeFor, mustDrain } from '#routing';
import type { AgentOptions } from './agent-options.ts';
import { ArtifactCache } from './artifact-cache.ts';
import { ClaimLocator } from './claims/claim-locator.ts';
import { OutputStore } from './claims/output-store.ts';
import { endInstances } from './end-instances.ts';
import type { FunctionPool } from './function-pool.ts';
import { Gatherers } from './gather/gatherers.ts';
import { HostedVersion } from './hosted-version.ts';
import type { Instance } from './instance.ts';
import { InstanceStarter } from './instance-starter.ts';
import { checkGroups, checkMemory, describeIsolation, groupCheckMs, memoryCheckMs } from './isolation/index.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { LogSink } from './log-sink.ts';
import { type ReconcilePool, reconcile, slotsUsed } from './reconcile.ts';
import { ScanBook } from './scan-counts.ts';
import { TriggerSources } from './sources/trigger-sources.ts';
import { SpareInstances, versionsWithSpare } from './spare-instances.ts';
import { StackMap } from './stack-map.ts';
import { UserMetrics } from './user-metrics.ts';
import { WantedFile } from './wanted-file.ts';
import { isFreshlyWoken } from './woken.ts';

/** Timeouts, restarts and credit are looked at this often. */
const tickMs = 100;
/** Of the margin before the walltime's end, what running calls are given; the rest is for acks and results. */
const drainShare = 0.5;
/** Lost pulls and publishes are looked for this often. */
const lostCheckMs = 1_000;

export class Agent {
  readonly clock: Clock;
  readonly config: AgentConfig;
  readonly publisher: EventPublisher;
  readonly logs: LogSink;
  readonly outputs: OutputStore;
  readonly metrics: UserMetrics;
  readonly scans: ScanBook;
  epoch = 0;
  generation = 0;
  /** How often the gateway wants a report where nothing has changed; 0: as often as it is our habit. */
  reportEveryMs = 0;
  draining = false;
  /** When this node's walltime is over, milliseconds since 1970; the gateway knows better than what it started with. */
  endsAtMs: number | undefined;
  /** Called when something a report shows has changed. */
  onChange: () => void = () => undefined;
  readonly gatherers: Gatherers;
  readonly #options: AgentOptions;
  /** By digest. */
  readonly #hosted = new Map<string, HostedVersion>();
  readonly #instances = new Map<string, { instance: Instance; pool: FunctionPool }>();
  readonly #starter: InstanceStarter;
  readonly #spares: SpareInstances;
  readonly #sources: TriggerSources;
  readonly #leases: LeaseKeeper;
  readonly #wantedFile: WantedFile;
  readonly #timers: NodeJS.Timeout[];
  readonly #inbox: string;
  /** Without asking the server: it may be away when an agent starts. */
  readonly #manager: Promise<JetStreamManager>;
  readonly #claims: ClaimLocator;
  /** When the last wanted set came. */
  #toldAt = 0;

  constructor(options: AgentOptions) {
    const { config, connection, clock } = options;
    this.#options = options;
    this.endsAtMs = config.endsAtMs;
    this.clock = clock;
    this.config = config;
    this.#inbox = inboxPrefix('agent', config.node);
    this.#manager = jetstreamManager(connection, { checkAPI: false });
    this.publisher = new EventPublisher({ connection, clock, inbox: this.#inbox });
    this.outputs = new OutputStore(this.publisher, new ClaimWriter(options.claimFolder, this.publisher));
    this.#claims = new ClaimLocator({
      connection,
      folder: options.claimFolder,
      spoolDirectory: join(config.runDirectory, 'spool'),
      readFrom: options.readFromPeer,
    });
    this.logs = new LogSink(connection, clock, config.node);
    this.metrics = new UserMetrics(this.logs);
    this.scans = new ScanBook(clock);
    this.#starter = new InstanceStarter({
      ...options,
      stateValues: new StateValues(connection),
      cache: new ArtifactCache(join(config.nodeDirectory, 'artifacts'), options.artifacts),
      outputs: this.outputs,
      logs: this.logs,
      metrics: this.metrics,
      stacksOf: (digest) => this.find(digest)?.stacks,
    });
    this.#spares = new SpareInstances({
      start: (version, events) => this.#starter.start(version, events, { spare: true }),
      now: () => clock.monotonic(),
    });
    this.#wantedFile = new WantedFile(join(config.nodeDirectory, 'wanted.bin'));
    this.#sources = new TriggerSources({ ...options, publisher: this.publisher, logs: this.logs, node: config.node });
    this.gatherers = new Gatherers({ ...options, publisher: this.publisher, node: config.node });
    this.#leases = new LeaseKeeper({ connection, clock, held: () => this.#held(), onCutOff: () => this.#cutOff() });
    this.#timers = [
      setInterval(() => this.#tick(), tickMs),
      setInterval(() => checkMemory(this.#allInstances()), memoryCheckMs),
      setInterval(() => checkGroups(this.#foreignInstances()), groupCheckMs),
      setInterval(() => this.#checkLost(), lostCheckMs),
    ];
    void this.#followConnection();
  }

  /** What was wanted before this process started: it does not need a gateway to go on. */
  resume(): void {
    const wanted = this.#wantedFile.read();
    if (wanted && this.generation === 0) this.#adopt(wanted);
  }

  /** Throws `conflict` for an epoch lower than one seen: two gateways cannot fight. */
  apply(request: ApplyRequest): void {
    if (request.epoch < this.epoch) {
      throw new PlatformError('conflict', `epoch ${request.epoch} is over, this node follows epoch ${this.epoch}`, {
        hint: 'Another gateway has taken over; this one must end.',
      });
    }
    if (request.epoch === this.epoch && request.generation < this.generation) return;
    this.reportEveryMs = request.reportEveryMs;
    this.#wantedFile.write(request);
    if (request.endsAtMs > 0) this.endsAtMs = request.endsAtMs;
    this.#adopt(request);
  }

  pools(): FunctionPool[] {
    return [...this.#hosted.values()].map((hosted) => hosted.pool);
  }

  instances(): { instance: Instance; pool: FunctionPool }[] {
    return [...this.#instances.values()];
  }

  /** What instances are kept from here. */
  isolation(): Isolation {
    return describeIsolation(this.#options.isolation, this.config.slots);
  }

  /** Absent where nothing is traced. */
  get traces(): AgentOptions['traces'] {
    return this.#options.traces;
  }

  /** Loaded instances that wait to be used. */
  spares(): ReturnType<SpareInstances['list']> {
    return this.#spares.list();
  }

  find(digest: string): Pick<HostedVersion, 'pool' | 'stacks' | 'shards'> | undefined {
    return this.#hosted.get(digest);
  }

  /** R7 */
  hasTimeFor({ version, times }: Pick<FunctionPool, 'version' | 'times'>): boolean {
    const timeoutMs = longestCallMs(version.spec);
    return hasTimeFor(this.clock.now(), this.endsAtMs, { timeoutMs, samples: times.count, p99Ms: times.p99() });
  }

  slotsUsed(): number {
    return slotsUsed(this.#reconcilePools());
  }

  /** Stops pulling, lets running calls end within the grace time, hands back the rest (R5). Returns the instances ended by force. */
  async drain(graceMs: number): Promise<number> {
    this.draining = true;
    this.#starter.close();
    this.#spares.keep([]);
    for (const hosted of this.#hosted.values()) {
      hosted.stopPulling();
      hosted.pool.wanted = 0;
      hosted.pool.abandonWaiting({ kind: 'unstartable', reason: 'the node is draining' });
      for (const instance of hosted.pool.instances) instance.drain();
    }
    this.onChange();
    return await endInstances(this.#instances, graceMs, this.clock);
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#leases.close();
    await this.gatherers.close();
    await this.#sources.close();
    for (const hosted of this.#hosted.values()) await hosted.close();
    await this.#options.connection.flush().catch(() => undefined);
    this.publisher.close();
  }

  #adopt(request: ApplyRequest): void {
    this.epoch = request.epoch;
    this.generation = request.generation;
    this.#toldAt = this.clock.monotonic();
    if (this.draining) return;
    const wanted = new Map(request.functions.map((entry) => [entry.version?.digest ?? '', entry]));
    for (const [digest, entry] of wanted) this.#want(digest, entry);
    for (const [digest, hosted] of this.#hosted) {
      if (wanted.has(digest)) continue;
      const { pool } = hosted;
      hosted.wantShards([]);
      pool.wanted = 0;
      pool.activator = false;
      pool.pull = false;
      // Removed, or replaced by a newer version: nothing is waited for.
      pool.wokenAt = Number.NEGATIVE_INFINITY;
    }
    for (const entry of request.functions) {
      const canary = this.#hosted.get(entry.canaryDigest);
      this.#hosted.get(entry.version?.digest ?? '')?.shareWith(canary, entry.canaryPercent);
    }
    this.gatherers.follow(request.functions);
    this.#sources.follow(request.functions);
    this.#reconcile();
    for (const hosted of this.#hosted.values()) hosted.updateCredit();
    this.onChange();
  }

  #want(digest: string, entry: WantedFunction): void {
    if (!entry.version) return;
    const hosted = this.#hosted.get(digest) ?? this.#host(entry.version);
    hosted.setTriggers(entry.triggers);
    hosted.wantShards(entry.pull ? entry.shards : []);
    const { pool } = hosted;
    pool.wanted = entry.instances;
    pool.activator = entry.activator;
    pool.pull = entry.pull;
  }

  #host(version: FunctionVersion): HostedVersion {
    const { connection, buckets, clock, logger, config, artifacts, traces } = this.#options;
    const hosted = new HostedVersion({
      version,
      connection,
      inbox: this.#inbox,
      buckets,
      publisher: this.publisher,
      outputs: this.outputs,
      claims: this.#claims,
      leases: this.#leases,
      logs: this.logs,
      traces,
      clock,
      logger,
      node: config.node,
      spoolDirectory: join(config.runDirectory, 'spool'),
      stacks: new StackMap(artifacts, version.sourceMapDigest, version.spec?.kind === 'wasm'),
      manager: this.#manager,
      start: (pool) => this.#startIfFree(pool),
      hasTime: (pool) => this.hasTimeFor(pool),
      scans: this.scans.of(version),
    });
    this.#hosted.set(version.digest, hosted);
    this.#starter.prepare(version);
    return hosted;
  }

  #reconcilePools(): ReconcilePool[] {
    return this.pools().map((pool) => ({
      digest: pool.version.digest,
      wanted: isFreshlyWoken(pool, this.#toldAt, this.clock.monotonic()) ? pool.active : pool.wanted,
      cpu: pool.version.spec?.resources?.cpu ?? 1,
      held: pool.restartHeld,
      instances: [...pool.instances],
    }));
  }

  #reconcile(): void {
    if (this.draining) return;
    const actions = reconcile(this.#reconcilePools(), this.config.slots);
    for (const id of actions.drain) this.#instances.get(id)?.instance.drain();
    for (const digest of actions.start) {
      const hosted = this.#hosted.get(digest);
      if (hosted) this.#start(hosted.pool);
    }
  }

  #startIfFree(pool: FunctionPool): boolean {
    const cpu = pool.version.spec?.resources?.cpu ?? 1;
    if (this.draining || this.slotsUsed() + cpu > this.config.slots) return false;
    this.#start(pool);
    return true;
  }

  #start(pool: FunctionPool): void {
    const events = {
      onReady: () => {
        if (!spare) pool.startMs = this.clock.now() - instance.startedAt;
        pool.instanceReady();
        this.onChange();
      },
      onRoom: () => pool.dispatch(),
      onEnded: (ended: Instance, reason: string, unstarted: Parameters<FunctionPool['instanceEnded']>[2]) =>
        this.#instanceEnded(ended, pool, reason, unstarted),
    };
    const spare = this.#spares.take(pool.version.digest, events);
    if (spare) this.#starter.adopt(spare);
    const instance = spare ?? this.#starter.start(pool.version, events);
    // The slot is taken from now on: two starts cannot claim the same one.
    pool.instances.add(instance);
    this.#instances.set(instance.id, { instance, pool });
    // Its pool has put the calls that wait in line by the time this runs.
    if (spare) queueMicrotask(() => events.onReady());
    this.onChange();
  }

  #instanceEnded(
    instance: Instance,
    pool: FunctionPool,
    reason: string,
    unstarted: Parameters<FunctionPool['instanceEnded']>[2],
  ): void {
    this.#instances.delete(instance.id);
    this.#options.logger.info(
      { function: pool.version.function, instance: instance.id, reason: reason.split('\n')[0] },
      'instance ended',
    );
    pool.instanceEnded(instance, reason, unstarted);
    this.#reconcile();
    this.onChange();
  }

  #tick(): void {
    const now = this.clock.monotonic();
    for (const { instance } of [...this.#instances.values()]) instance.checkTimeouts(now);
    this.#reconcile();
    // R7: what still runs may end, the rest is handed back while there is somebody to hand it to.
    if (!this.draining && mustDrain(this.clock.now(), this.endsAtMs)) {
      this.#options.logger.info({ endsAtMs: this.endsAtMs }, 'the walltime is nearly over: draining');
      void this.drain(drainMarginMs * drainShare);
    }
    if (!this.draining) this.#spares.keep(versionsWithSpare(this.pools()));
    for (const [digest, hosted] of this.#hosted) {
      hosted.updateCredit();
      if (!hosted.finished) continue;
      this.#hosted.delete(digest);
      void hosted.close();
    }
  }

  *#allInstances(): Generator<Instance, void, void> {
    for (const { instance } of this.#instances.values()) yield instance;
    for (const { instance } of this.#spares.list()) yield instance;
  }

  /** Those that may start processes of their own. */
  #foreignInstances(): Instance[] {
    return this.instances().flatMap(({ instance, pool }) => (pool.version.spec?.kind === 'process' ? [instance] : []));
  }

  *#held() {
    for (const hosted of this.#hosted.values()) yield* hosted.held();
  }

  /** The events here belong to other agents now. */
  #cutOff(): void {
    this.#options.logger.warn('cut off from the broker for longer than a lease: giving up the events held');
    for (const hosted of this.#hosted.values()) hosted.giveUp('the node was cut off from the broker');
  }

  #checkLost(): void {
    this.publisher.checkLost();
    for (const hosted of this.#hosted.values()) hosted.checkLostPulls();
  }

  async #followConnection(): Promise<void> {
    for await (const status of this.#options.connection.status()) {
      if (status.type === 'disconnect') this.#leases.connected = false;
      if (status.type !== 'reconnect') continue;
      this.#options.logger.info('connected to the broker again');
      this.#leases.connected = true;
      // First: its answer proves the age of the events that the pulls bring.
      this.#leases.renew();
      this.publisher.reset();
      for (const hosted of this.#hosted.values()) hosted.resetPulls();
    }
  }
}
