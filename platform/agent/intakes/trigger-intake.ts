/** Pulls one trigger's events by its function's credit and turns each into a call. */
import {
  decodeHeaders,
  decodeRetry,
  type EventName,
  type EventPuller,
  eventName,
  isPack,
  ownHeaders,
  type PulledEvent,
} from '#broker';
import { PlatformError, SlotMap } from '#common';
import { describedMembers, packHeader } from '#packs';
import { type EventFilter, goesToCanary, type ReplayAnchor, replayWaitMs } from '#routing';
import type { ClaimLocator } from '../claims/claim-locator.ts';
import { callHeader, ownHeaderText } from '../events/call-header.ts';
import { Delivery, type DeliveryOwner } from '../events/delivery.ts';
import { type FetchedCall, fetchClaimed, isLostForGood } from '../events/fetch-claimed.ts';
import type { TriggerRoute } from '../events/trigger-route.ts';
import { type GatheredSpool, gatherRefusal } from '../gather/spool.ts';
import { type PartSource, runStreamed } from '../gather/streamed-call.ts';
import type { FunctionPool } from '../instances/function-pool.ts';
import type { ReadLeft } from '../packs/pack-ending.ts';
import { runPack } from '../packs/pack-run.ts';
import { PacedEvents } from './paced-events.ts';

export interface TriggerIntakeOptions {
  readonly route: TriggerRoute;
  readonly pool: FunctionPool;
  readonly puller: (onEvent: (event: PulledEvent) => void) => EventPuller;
  /** True for the intake of the trigger's parked and redriven events. */
  readonly retries: boolean;
  /** Which events the function is given; the others count as done. */
  readonly filter?: EventFilter | undefined;
  /** What a stored pack of results does not hold. */
  readonly readLeft: ReadLeft;
  /** Brings claimed payloads into reach. */
  readonly claims: Pick<ClaimLocator, 'locate'>;
  /** For a gather trigger: brings the parts of a gather event into a spool file. */
  readonly fetchParts?: (event: PulledEvent) => Promise<GatheredSpool>;
  /** For a streaming gather: where its parts come from while the call runs. */
  readonly partSource?: Promise<PartSource>;
  /** Of its calls. */
  readonly timeoutMs: number;
}

/** Results without PubAck at one agent; past it nothing more is pulled (R6). */
const openPublishesMax = 4_096;
/** Retries are few, and must not crowd out the events that come for the first time. */
const retriesAtOnceMax = 8;
/**
 * Events of a paused trigger that were on their way wait in the stream, where nobody pulls them: this delay is only for other nodes
 * to hear of the pause. A longer one would hold them back when the trigger is resumed meanwhile.
 */
const pausedNakMs = 100;
/** Events come in bursts, by the room of the version beside it: a canary with fewer instances lets so many wait for its share. */
const canaryWaitingMax = 256;
/** An event whose parts or claimed payload could not be fetched for want of room, or of a broker, is given back for this long ... */
const fetchRetryMs = 5_000;
/** ... until it was given out so often; from then on it counts as failed (R6). */
const fetchDeliveriesMax = 20;

const noPayload = new Uint8Array(0);

export class TriggerIntake {
  readonly route: TriggerRoute;
  readonly puller: EventPuller;
  /** An event that comes again while we hold it is not run twice. */
  readonly held = new SlotMap<EventName, Delivery>();
  /** Of 100 events that come here, so many are for the same trigger of another version. */
  canary: { readonly intake: TriggerIntake; readonly percent: number } | undefined;
  readonly #pool: FunctionPool;
  readonly #claims: TriggerIntakeOptions['claims'];
  readonly #readLeft: ReadLeft;
  readonly #fetchParts: ((event: PulledEvent) => Promise<GatheredSpool>) | undefined;
  readonly #partSource: Promise<PartSource> | undefined;
  readonly #timeoutMs: number;
  readonly #retries: boolean;
  readonly #filter: EventFilter | undefined;
  readonly #paced = new PacedEvents();
  readonly #owner: DeliveryOwner = {
    released: (delivery) => {
      // Only the delivery we hold: an abandoned one of the same sequence may end after its successor came.
      if (this.held.get(delivery.name) === delivery) this.held.delete(delivery.name);
      this.#paced.forget(delivery);
    },
  };
  #replay: ReplayAnchor | undefined;
  #paused = false;
  #pulling = true;

  constructor(options: TriggerIntakeOptions) {
    this.#pool = options.pool;
    this.#claims = options.claims;
    this.#readLeft = options.readLeft;
    this.#fetchParts = options.fetchParts;
    this.#retries = options.retries;
    this.#filter = options.filter;
    this.#partSource = options.partSource;
    this.#timeoutMs = options.timeoutMs;
    this.route = options.route;
    this.puller = options.puller((event) => this.#receive(event));
  }

  /** Asks for as many events as the function has room for; `triggers` share the room, retries come beside in small bites. */
  updateCredit(triggers: number): void {
    const congested = this.route.publisher.openPublishes >= openPublishesMax;
    const open = this.#pulling && !this.#paused && this.#pool.pull && !congested;
    // A newer version pulls now, and what waits for its time is for it.
    if (!this.#pool.pull) this.#paced.release(1);
    const free = open ? this.#pool.capacity - this.#pool.inFlight - this.#paced.size : 0;
    const share = this.#retries ? Math.min(free, retriesAtOnceMax) : Math.ceil(free / triggers);
    this.puller.setCredit(Math.max(0, share), this.#pool.roomBytes / triggers);
  }

  /** What the gateway says of the trigger; a paused one runs what it has begun and takes nothing more. */
  setState({ paused, replay }: { readonly paused: boolean; readonly replay: ReplayAnchor | undefined }): void {
    this.#replay = replay;
    if (paused && !this.#paused) this.puller.withdraw();
    this.#paused = paused;
    if (paused) this.#paced.release(pausedNakMs);
  }

  /** Stops asking; what was asked for ends with its pull. */
  stopPulling(): void {
    this.#pulling = false;
    this.puller.setCredit(0);
    this.#paced.release(1);
  }

  async close(): Promise<void> {
    this.stopPulling();
    await this.puller.close();
  }

  #receive(pulled: PulledEvent): void {
    const event = this.#retries ? decodeRetry(pulled) : pulled;
    // Only this platform writes there: whatever it is, it is no event, and nobody can make it one.
    if (!event) return void this.route.connection.publish(pulled.ackSubject, '+TERM');
    const { canary } = this;
    const name = eventName(event);
    const known = this.held.get(name) ?? canary?.intake.held.get(name);
    if (known) return known.renew(event);
    if (canary && goesToCanary(event.streamSequence, canary.percent) && canary.intake.#hasRoom)
      canary.intake.#take(event);
    else this.#take(event);
  }

  get #hasRoom(): boolean {
    const { ready, inFlight, capacity } = this.#pool;
    return this.#pulling && ready && inFlight < Math.max(capacity, canaryWaitingMax);
  }

  #take(event: PulledEvent): void {
    const delivery = new Delivery(event, this.route, this.#owner);
    // Somebody else has it by now: it is neither run nor given back.
    if (!delivery.leased) return;
    this.held.set(delivery.name, delivery);
    if (!this.#pulling) return delivery.nak(1);
    if (this.#paused) return delivery.nak(pausedNakMs);
    // Of a pack each member is asked for when it is opened.
    if (this.#filter && !isPack(event) && !this.#filter(this.route.subjectOf(event), ownHeaders(event)))
      return delivery.ack();
    // Taken on here it could outlast the node; elsewhere there may be time (R7).
    if (!this.#pool.hasTime) return delivery.nak(1);
    // A pull from before the scale-in brought it: it is for the nodes that are meant to run the function, and wakes nobody here.
    if (this.#pool.isMeantElsewhere) return delivery.nak(1);
    const early = (event.retry?.notBeforeMs ?? 0) - this.route.clock.now();
    if (early > 0) return delivery.nak(early);
    if (event.deliveries > 1 || event.retry) this.#receiveAgain(delivery);
    else if (this.#replay) this.#submitWhenDue(delivery, this.#replay);
    else this.#submit(delivery);
  }

  #submitWhenDue(delivery: Delivery, replay: ReplayAnchor): void {
    const wait = () => replayWaitMs(replay, delivery.event.timeMs, this.route.clock.now());
    this.#paced.hold(delivery, wait, () => this.#submit(delivery));
  }

  /** A redelivery: its record says how often it has failed. */
  #receiveAgain(delivery: Delivery): void {
    this.route.attempts.read(delivery.name).then(
      (earlier) => {
        delivery.earlier = earlier;
        this.#submit(delivery);
      },
      () => delivery.nak(1_000),
    );
  }

  #submit(delivery: Delivery): void {
    if (this.#partSource !== undefined) return void this.#submitStreamed(delivery, this.#partSource);
    if (this.#fetchParts) {
      const refusal = gatherRefusal(delivery.event);
      if (refusal === undefined) this.#submitGathered(delivery, this.#fetchParts);
      else delivery.deadLetter(refusal, delivery.earlier);
      return;
    }
    const { event } = delivery;
    const pack = packText(event);
    this.#pool.sawMessage(pack === undefined ? 1 : membersIn(pack));
    if (pack !== undefined) {
      const { route } = this;
      const [pool, timeoutMs, filter, readLeft] = [this.#pool, this.#timeoutMs, this.#filter, this.#readLeft];
      return runPack({ delivery, route, pool, timeoutMs, filter, readLeft });
    }
    const claimed = fetchClaimed(event, this.#claims);
    if (claimed !== undefined) return this.#submitFetched(delivery, claimed);
    this.#run(delivery, ownHeaderText(event), event.message.data, undefined);
  }

  async #submitStreamed(delivery: Delivery, partSource: Promise<PartSource>): Promise<void> {
    const [pool, timeoutMs, source] = [this.#pool, this.#timeoutMs, await partSource];
    if (this.held.get(delivery.name) === delivery)
      runStreamed({ delivery, route: this.route, pool, timeoutMs, source });
  }

  #submitGathered(delivery: Delivery, fetchParts: (event: PulledEvent) => Promise<GatheredSpool>): void {
    const fetched = fetchParts(delivery.event).then(({ header, remove }) => ({
      text: `,"g":${JSON.stringify(header)}`,
      remove,
    }));
    this.#submitFetched(delivery, fetched);
  }

  #submitFetched(delivery: Delivery, fetched: Promise<FetchedCall>): void {
    this.#pool.fetching++;
    fetched.then(
      (spool) => {
        this.#pool.fetching--;
        // Given up meanwhile, cut off from the broker: somebody else has it.
        if (this.held.get(delivery.name) !== delivery) return spool.remove();
        this.#run(delivery, spool.text, noPayload, spool);
      },
      (error: unknown) => {
        this.#pool.fetching--;
        const known = PlatformError.from(error);
        const { retryable, message } = known;
        if (!this.#fetchParts && isLostForGood(known)) return delivery.deadLetter(message, delivery.earlier);
        // No room for the parts, or a silent broker, is no failure of the event: another node may fare better.
        if (retryable && delivery.deliveries < fetchDeliveriesMax) return delivery.nak(fetchRetryMs);
        // A part that is gone stays gone: dead-lettered after its attempts.
        const failure = { kind: 'failed', message, stack: '' } as const;
        delivery.settle({ kind: 'failed', error: failure }, { instance: '', ms: 0 });
      },
    );
  }

  #run(delivery: Delivery, text: string, body: Uint8Array, spool: FetchedCall | undefined): void {
    delivery.beginTrace();
    const taken = this.#pool.submit({
      header: callHeader(delivery, this.route, this.#timeoutMs, text),
      body,
      claimed: spool !== undefined && this.#fetchParts === undefined,
      mayLeave: true,
      timeoutMs: this.#timeoutMs,
      scan: this.route.scanOf(delivery.event),
      settle: (outcome, run) => {
        spool?.remove();
        delivery.settle(outcome, run);
      },
    });
    if (taken) return;
    spool?.remove();
    delivery.nak(1_000);
  }
}

/** What a pack says of itself. */
function packText({ message }: PulledEvent): string | undefined {
  return decodeHeaders(message)[packHeader] || undefined;
}

/** One that says nonsense is a dead letter, and that is one. */
function membersIn(pack: string): number {
  try {
    return describedMembers(pack);
  } catch {
    return 1;
  }
}
