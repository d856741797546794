/**
 * One shard of a trigger with order, on the node that is to have it. Holding the shard's lease, it pulls the shard's events
 * in their order and lets one of each key at a time into the pool; one that is tried again keeps its key waiting. What
 * it started before its lease was lost may still end, and says nothing then.
 *
 * Results of a key are stored in the order of its events whoever holds the lease: each owner starts the next event of a key
 * only after the PubAck of the one before, begins with the first that was not acked, and doubles are dropped (R3).
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import {
  decodeRetry,
  type EventName,
  type EventPuller,
  eventName,
  openShardConsumer,
  type PulledEvent,
  type ShardPlace,
} from '#broker';
import { type Clock, messageOf, SlotMap } from '#common';
import { KeyGate } from '#routing';
import type { Logger } from '#telemetry';
import type { ClaimLocator } from '../claims/claim-locator.ts';
import { Delivery, type DeliveryOwner } from '../events/delivery.ts';
import type { TriggerRoute } from '../events/trigger-route.ts';
import type { GatherLease } from '../gather/gather-lease.ts';
import type { FunctionPool } from '../instances/function-pool.ts';
import { callInOrder } from './ordered-call.ts';

export interface ShardIntakeOptions {
  readonly place: ShardPlace;
  readonly keyOf: (subject: string) => string;
  readonly lease: GatherLease;
  readonly marks: KV;
  readonly manager: Promise<JetStreamManager>;
  readonly pool: FunctionPool;
  readonly route: TriggerRoute;
  readonly puller: (consumer: string, onEvent: (event: PulledEvent) => void) => EventPuller;
  /** Brings claimed payloads into reach. */
  readonly claims: Pick<ClaimLocator, 'locate'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Renewed, or asked for, this often: a third of the lease. */
const roundMs = 1_000;
/** Events of a shard on this node, those that wait behind their key among them (R6). */
const heldMax = 64;
const heldBytesMax = 4 * 2 ** 20;
/** Results without PubAck at one agent; past it nothing more is pulled (R6). */
const openPublishesMax = 4_096;
const recordRetryMs = 1_000;

/** The time with one consumer. */
interface Session {
  readonly epoch: number;
  readonly puller: EventPuller;
  /** The next event's number at the consumer: another one says that events were lost on the way. */
  next: number;
  /** So many of the first events may have been tried by a former owner. */
  mayBeTried: number;
}

export class ShardIntake {
  readonly held = new SlotMap<EventName, Delivery>();
  readonly #options: ShardIntakeOptions;
  readonly #route: TriggerRoute;
  readonly #owner: DeliveryOwner = {
    released: (delivery) => this.#released(delivery),
    again: (delivery, delayMs) => this.#again(delivery, delayMs),
  };
  readonly #gate = new KeyGate<Delivery>();
  readonly #running = new Set<Delivery>();
  /** Whose record of attempts has not been read. */
  readonly #unread = new Set<Delivery>();
  readonly #ended = new AbortController();
  readonly #rounds: Promise<void>;
  #session: Session | undefined;
  #opening = false;
  #openings = 0;
  #heldBytes = 0;
  #bytesEach = heldBytesMax / 4;
  #leaving = false;
  #paused = false;

  constructor(options: ShardIntakeOptions) {
    this.#options = options;
    this.#route = options.route;
    this.#rounds = this.#run();
  }

  /** True while this node, and no other, handles the shard. */
  get isOwner(): boolean {
    return this.#session !== undefined && this.#options.lease.epoch === this.#session.epoch;
  }

  get trigger(): string {
    return this.#options.place.trigger;
  }

  setPaused(paused: boolean): void {
    this.#paused = paused;
    this.update();
  }

  /** Asks for events, and lets those in that may go; called whenever the pool's room may have changed. */
  update(): void {
    const session = this.#session;
    if (!session) return;
    const { pool } = this.#options;
    const closed =
      this.#leaving ||
      this.#paused ||
      !pool.pull ||
      pool.capacity === 0 ||
      this.#route.publisher.openPublishes >= openPublishesMax;
    const byBytes = Math.floor((heldBytesMax - this.#heldBytes) / Math.max(1, this.#bytesEach));
    session.puller.setCredit(closed ? 0 : Math.max(0, Math.min(heldMax - this.held.size, byBytes)));
    while (this.isOwner && !this.#leaving && !this.#paused && pool.inFlight < pool.capacity) {
      const delivery = this.#gate.next();
      if (!delivery) return;
      this.#start(delivery);
    }
  }

  checkLost(): void {
    this.#session?.puller.checkLost();
  }

  /** After a reconnect, or when an event was lost on the way: a new consumer gives what is not acked once more, in order. */
  reset(): void {
    const session = this.#session;
    if (!session) return;
    this.#session = undefined;
    void session.puller.close();
    void this.#open(session.epoch);
  }

  /** The events here are somebody else's now. */
  giveUp(): void {
    const session = this.#session;
    this.#session = undefined;
    void session?.puller.close();
    for (const delivery of [...this.held.values()]) delivery.abandon();
    this.#gate.clear();
  }

  /** Lets running calls end, then lets the next owner have the shard at once. */
  async leave(): Promise<void> {
    this.#leaving = true;
    this.update();
    for (const delivery of [...this.held.values()]) if (!this.#running.has(delivery)) delivery.abandon();
    while (this.#running.size > 0 && this.isOwner) await this.#options.clock.sleep(20);
    await this.close();
  }

  async close(): Promise<void> {
    this.#leaving = true;
    this.#ended.abort();
    this.giveUp();
    await this.#rounds;
    await this.#options.lease.release();
  }

  async #run(): Promise<void> {
    const { lease, clock } = this.#options;
    const { signal } = this.#ended;
    while (!signal.aborted) {
      const begunAt = clock.monotonic();
      await lease.renewOrTake();
      const { epoch } = lease;
      if (this.#session && this.#session.epoch !== epoch) this.giveUp();
      if (epoch !== undefined && !this.#session && !this.#leaving && !signal.aborted) await this.#open(epoch);
      await clock.sleep(Math.max(0, roundMs - (clock.monotonic() - begunAt)), signal);
    }
  }

  async #open(epoch: number): Promise<void> {
    if (this.#opening) return;
    this.#opening = true;
    const { manager, marks, place, lease, puller, logger } = this.#options;
    try {
      const opening = this.#openings++;
      const consumer = await openShardConsumer(await manager, marks, place, { epoch, opening });
      if (consumer === undefined || this.#ended.signal.aborted || this.#leaving || lease.epoch !== epoch) return;
      // What another opening gives is no longer ours to take.
      const session: Session = {
        epoch,
        next: 1,
        mayBeTried: heldMax,
        puller: puller(consumer, (event) => this.#receive(session, event)),
      };
      this.#session = session;
      logger.debug({ ...place, epoch, opening }, 'shard is handled here');
      this.update();
    } catch (error) {
      logger.warn({ ...place, error: messageOf(error) }, 'shard cannot be read yet, tried again');
    } finally {
      this.#opening = false;
    }
  }

  #receive(session: Session, pulled: PulledEvent): void {
    if (session !== this.#session) return;
    if (consumerSequence(pulled.ackSubject) !== session.next++) return this.reset();
    const event = decodeRetry(pulled);
    // Only this platform writes there: whatever it is, it is no event, and nobody can make it one.
    if (!event) return void this.#route.connection.publish(pulled.ackSubject, '+TERM');
    const known = this.held.get(eventName(event));
    if (known) return known.renew(event);
    const delivery = new Delivery(event, this.#route, this.#owner);
    // It lay on the line for too long: a new consumer gives it, and all behind it, once more.
    if (!delivery.leased) return this.reset();
    this.held.set(delivery.name, delivery);
    const bytes = event.message.data.length;
    this.#heldBytes += bytes;
    this.#bytesEach += (bytes - this.#bytesEach) / 8;
    if (session.mayBeTried-- > 0 || event.deliveries > 1) this.#unread.add(delivery);
    this.#gate.add(this.#keyOf(delivery), delivery);
    this.update();
  }

  #start(delivery: Delivery): void {
    this.#running.add(delivery);
    if (!this.#unread.delete(delivery)) return this.#submit(delivery);
    this.#route.attempts.read(delivery.name).then(
      (earlier) => {
        delivery.earlier = earlier;
        if (this.held.get(delivery.name) === delivery) this.#submit(delivery);
      },
      () => {
        this.#unread.add(delivery);
        this.#again(delivery, recordRetryMs);
      },
    );
  }

  #submit(delivery: Delivery): void {
    const { pool, claims } = this.#options;
    callInOrder(delivery, {
      pool,
      claims,
      route: this.#route,
      isHeld: () => this.held.get(delivery.name) === delivery,
      again: (delayMs) => this.#again(delivery, delayMs),
    });
  }

  /** R4 with order: it stays here under its lease, and its key waits. */
  #again(delivery: Delivery, delayMs: number): void {
    this.#running.delete(delivery);
    if (this.#leaving) return delivery.abandon();
    const timer = setTimeout(
      () => {
        if (this.held.get(delivery.name) !== delivery) return;
        this.#gate.again(this.#keyOf(delivery));
        this.update();
      },
      Math.max(1, delayMs),
    );
    timer.unref();
  }

  #released(delivery: Delivery): void {
    this.#running.delete(delivery);
    this.#unread.delete(delivery);
    if (this.held.get(delivery.name) !== delivery) return;
    this.held.delete(delivery.name);
    this.#heldBytes -= delivery.event.message.data.length;
    this.#gate.done(this.#keyOf(delivery), delivery);
    this.update();
  }

  #keyOf(delivery: Delivery): string {
    return this.#options.keyOf(this.#route.subjectOf(delivery.event));
  }
}

/** $JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>...; the v2 form has two tokens more in front. */
function consumerSequence(ackSubject: string): number {
  const tokens = ackSubject.split('.');
  return Number(tokens[tokens.length > 9 ? 8 : 6]);
}
