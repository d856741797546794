/**
 * The agent of one node: keeps the wanted instances running and feeds them events and calls.
 * `apply` states what is wanted; everything else follows from reconciling, again and again.
 */
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { ClaimWriter, EventPublisher, inboxPrefix, StateValues } from '#broker';
import { type Clock, PlatformError } from '#common';
import {
  checkGroups,
  checkMemory,
  describeIsolation,
  groupCheckMs,
  memoryCheckMs,
  ScratchWatch,
  scratchCheckMs,
} from '#isolation';
import type { AgentConfig } from '#model';
import type { ApplyRequest, Isolation } from '#proto';
import { drainMarginMs, hasTimeFor, mayRunOn, mustDrain } from '#routing';
import type { AgentOptions } from './agent-options.ts';
import { ClaimLocator } from './claims/claim-locator.ts';
import { OutputStore } from './claims/output-store.ts';
import { LeaseKeeper } from './events/lease-keeper.ts';
import { Gatherers } from './gatherers.ts';
import { ArtifactCache } from './instances/artifact-cache.ts';
import { BodyFiles } from './instances/body-files.ts';
import type { FunctionPool } from './instances/function-pool.ts';
import { InstanceStarter } from './instances/instance-starter.ts';
import { NodeInstances } from './instances/node-instances.ts';
import { LogSink } from './records/log-sink.ts';
import { ScanBook } from './records/scan-counts.ts';
import { UserMetrics } from './records/user-metrics.ts';
import { TriggerSources } from './sources/trigger-sources.ts';
import type { HostedVersion } from './versions/hosted-version.ts';
import { HostedVersions } from './versions/hosted-versions.ts';
import { type ReconcilePool, reconcile, slotsUsed } from './versions/reconcile.ts';
import { WantedFile } from './versions/wanted-file.ts';
import { isFreshlyWoken } from './versions/woken.ts';

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
  readonly #hosted: HostedVersions;
  readonly #instances: NodeInstances;
  readonly #sources: TriggerSources;
  readonly #leases: LeaseKeeper;
  readonly #wantedFile: WantedFile;
  readonly #timers: NodeJS.Timeout[];
  /** When the last wanted set came. */
  #toldAt = 0;

  constructor(options: AgentOptions) {
    const { config, connection, clock } = options;
    this.#options = options;
    this.endsAtMs = config.endsAtMs;
    this.clock = clock;
    this.config = config;
    const inbox = inboxPrefix('agent', config.node);
    this.publisher = new EventPublisher({ connection, clock, inbox });
    this.outputs = new OutputStore(this.publisher, new ClaimWriter(options.claimFolder, this.publisher));
    this.logs = new LogSink(connection, clock, config.node);
    this.metrics = new UserMetrics(this.logs);
    this.scans = new ScanBook(clock);
    this.#instances = this.#createInstances();
    this.#wantedFile = new WantedFile(join(config.nodeDirectory, 'wanted.bin'));
    this.#sources = new TriggerSources({ ...options, publisher: this.publisher, logs: this.logs, node: config.node });
    this.gatherers = new Gatherers({ ...options, publisher: this.publisher, node: config.node });
    this.#leases = new LeaseKeeper({
      connection,
      clock,
      held: () => this.#hosted.held(),
      onCutOff: () => this.#cutOff(),
    });
    this.#hosted = this.#createHosted(inbox);
    this.#timers = [
      setInterval(() => this.#tick(), tickMs),
      setInterval(() => checkMemory(this.#instances.withSpares()), memoryCheckMs),
      setInterval(() => checkGroups(this.#instances.foreign()), groupCheckMs),
      // On a disk it is the disk's owner who sets bounds.
      ...(BodyFiles.isPossibleIn(config.runDirectory) ? [this.#watchScratches()] : []),
      setInterval(() => this.#checkLost(), lostCheckMs),
    ];
    void this.#followConnection();
  }

  #watchScratches(): NodeJS.Timeout {
    const watch = new ScratchWatch();
    return setInterval(() => void watch.check(this.#instances.withSpares()), scratchCheckMs);
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
    return this.#hosted.pools();
  }

  instances(): ReturnType<NodeInstances['list']> {
    return this.#instances.list();
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
  spares(): ReturnType<NodeInstances['spares']> {
    return this.#instances.spares();
  }

  find(digest: string): Pick<HostedVersion, 'pool' | 'stacks' | 'shards'> | undefined {
    return this.#hosted.find(digest);
  }

  /** R7 */
  hasTimeFor({ callTimes }: Pick<FunctionPool, 'callTimes'>): boolean {
    return hasTimeFor(this.clock.now(), this.endsAtMs, callTimes);
  }

  slotsUsed(): number {
    return slotsUsed(this.#reconcilePools());
  }

  /** Stops pulling, lets running calls end within the grace time, hands back the rest (R5). Returns the instances ended by force. */
  async drain(graceMs: number): Promise<number> {
    this.draining = true;
    this.#instances.close();
    this.#hosted.drain('the node is draining');
    this.onChange();
    return await this.#instances.endAll(graceMs);
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#leases.close();
    await this.gatherers.close();
    await this.#sources.close();
    await this.#hosted.close();
    await this.#options.connection.flush().catch(() => undefined);
    this.publisher.close();
  }

  #createInstances(): NodeInstances {
    const { config, connection, artifacts } = this.#options;
    const starter = new InstanceStarter({
      ...this.#options,
      stateValues: new StateValues(connection),
      cache: new ArtifactCache(join(config.nodeDirectory, 'artifacts'), artifacts),
      outputs: this.outputs,
      logs: this.logs,
      metrics: this.metrics,
      stacksOf: (digest) => this.find(digest)?.stacks,
    });
    return new NodeInstances({
      ...this.#options,
      starter,
      onChange: () => this.onChange(),
      onEnded: () => {
        this.#reconcile();
        this.onChange();
      },
    });
  }

  #createHosted(inbox: string): HostedVersions {
    const { config, connection, claimFolder, readFromPeer } = this.#options;
    const spoolDirectory = join(config.runDirectory, 'spool');
    return new HostedVersions({
      ...this.#options,
      inbox,
      publisher: this.publisher,
      outputs: this.outputs,
      claims: new ClaimLocator({ connection, folder: claimFolder, spoolDirectory, readFrom: readFromPeer }),
      leases: this.#leases,
      logs: this.logs,
      node: config.node,
      spoolDirectory,
      // Without asking the server: it may be away when an agent starts.
      manager: jetstreamManager(connection, { checkAPI: false }),
      start: (pool) => this.#startIfFree(pool),
      hasTime: (pool) => this.hasTimeFor(pool),
      scans: this.scans,
      onHosted: (version) => this.#instances.prepare(version),
    });
  }

  #adopt(request: ApplyRequest): void {
    this.epoch = request.epoch;
    this.generation = request.generation;
    this.#toldAt = this.clock.monotonic();
    if (this.draining) return;
    this.#hosted.want(request.functions);
    this.gatherers.follow(request.functions);
    this.#sources.follow(request.functions);
    this.#reconcile();
    this.#hosted.updateCredit();
    this.onChange();
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
    for (const id of actions.drain) this.#instances.drain(id);
    for (const digest of actions.start) {
      const hosted = this.#hosted.find(digest);
      if (hosted) this.#instances.start(hosted.pool);
    }
  }

  #startIfFree(pool: FunctionPool): boolean {
    const cpu = pool.version.spec?.resources?.cpu ?? 1;
    if (this.draining || this.slotsUsed() + cpu > this.config.slots) return false;
    if (!mayRunOn(pool.version.spec, this.config)) return false;
    this.#instances.start(pool);
    return true;
  }

  #tick(): void {
    this.#instances.checkTimeouts();
    this.#reconcile();
    // R7: what still runs may end, the rest is handed back while there is somebody to hand it to.
    if (!this.draining && mustDrain(this.clock.now(), this.endsAtMs)) {
      this.#options.logger.info({ endsAtMs: this.endsAtMs }, 'the walltime is nearly over: draining');
      void this.drain(drainMarginMs * drainShare);
    }
    if (!this.draining) this.#instances.keepSpares(this.pools());
    this.#hosted.updateCredit();
    this.#hosted.closeFinished();
  }

  #cutOff(): void {
    this.#options.logger.warn('cut off from the broker for longer than a lease: giving up the events held');
    this.#hosted.giveUp('the node was cut off from the broker');
  }

  #checkLost(): void {
    this.publisher.checkLost();
    this.#hosted.checkLostPulls();
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
      this.#hosted.resetPulls();
    }
  }
}
