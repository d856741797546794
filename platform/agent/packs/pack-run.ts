/** The way of one pack on this node: which of its members run, in one call or in one each. `pack-ending.ts` says what follows. */
import { eventName, membersOf, ownHeaders, type PulledEvent } from '#broker';
import { messageOf } from '#common';
import { isPlainPack, memberCount } from '#packs';
import type { EventFilter } from '#routing';
import { callHeader, ownHeaderText } from '../events/call-header.ts';
import type { Delivery } from '../events/delivery.ts';
import type { TriggerRoute } from '../events/trigger-route.ts';
import type { FunctionPool } from '../instances/function-pool.ts';
import type { PackTrace } from '../traces/pack-trace.ts';
import { callEach, callWhole, type PackOutcome, takesPacks } from './pack-calls.ts';
import { PackEnding, type ReadLeft } from './pack-ending.ts';

export interface PackRunOptions {
  /** Of the pack as a whole. */
  readonly delivery: Delivery;
  readonly route: TriggerRoute;
  readonly pool: FunctionPool;
  /** Of one event. */
  readonly timeoutMs: number;
  readonly filter: EventFilter | undefined;
  readonly readLeft: ReadLeft;
}

const noRoomMs = 1_000;

export function runPack(options: PackRunOptions): void {
  const { delivery } = options;
  try {
    new PackRun(options).start();
  } catch (error) {
    // What cannot be opened now cannot be opened later.
    delivery.deadLetter(messageOf(error), delivery.earlier);
  }
}

class PackRun {
  readonly #options: PackRunOptions;
  readonly #ending: PackEnding;
  readonly #trace: PackTrace | undefined;
  #members: readonly PulledEvent[] | undefined;

  constructor(options: PackRunOptions) {
    this.#options = options;
    const { delivery, route } = options;
    const wanted = () => this.#opened().map((member) => (this.#isWanted(member) ? member : undefined));
    this.#trace = route.traces?.beginPack(delivery.event, route, wanted, delivery.attempt);
    delivery.trace = this.#trace;
    this.#ending = new PackEnding({ ...options, members: () => this.#opened(), trace: this.#trace });
  }

  start(): void {
    if (this.#isForBatches()) this.#startWhole();
    else this.#startEach();
  }

  /** Opened where something must be known of a single member. */
  #opened(): readonly PulledEvent[] {
    this.#members ??= membersOf(this.#options.delivery.event);
    return this.#members;
  }

  /** One under which an instance has ended goes member by member: the others are not to suffer for one of them again. */
  #isForBatches(): boolean {
    const { delivery, pool, filter } = this.#options;
    if (!takesPacks(pool) || delivery.earlier.length > 0) return false;
    return filter === undefined || this.#opened().every((member) => this.#isWanted(member));
  }

  #isWanted(member: PulledEvent): boolean {
    const { filter, route } = this.#options;
    return filter === undefined || filter(route.subjectOf(member), ownHeaders(member));
  }

  #startWhole(): void {
    const { delivery, route, pool } = this.#options;
    const body = delivery.event.message.data;
    const members = memberCount(body);
    const batches = Math.max(1, Math.ceil(members / (pool.version.spec?.batch?.size || 1)));
    const timeoutMs = this.#options.timeoutMs * batches;
    const plain = isPlainPack(body, members);
    if (!plain) this.#opened();
    const whole = {
      header: callHeader(delivery, route, timeoutMs, ''),
      body,
      members,
      timeoutMs,
      scan: route.scanOf(delivery.event),
    };
    const asItIs = plain && route.cloudEvents === undefined && this.#trace === undefined;
    if (!callWhole(pool, { ...whole, asItIs }, (outcome) => this.#settle(outcome))) delivery.nak(noRoomMs);
  }

  #startEach(): void {
    const { delivery, pool, timeoutMs, route } = this.#options;
    const headerOf = (event: PulledEvent) => {
      if (!this.#isWanted(event)) return undefined;
      const trace = this.#trace?.of(event.member ?? 0);
      return callHeader({ event, name: eventName(event), attempt: 1, trace }, route, timeoutMs, ownHeaderText(event));
    };
    const scan = route.scanOf(delivery.event);
    callEach({ pool, members: this.#opened(), headerOf, timeoutMs, scan }, (outcome) => this.#settle(outcome));
  }

  #settle(told: PackOutcome): void {
    const { delivery } = this.#options;
    if (delivery.isOver) return;
    if (told.kind === 'plain') return this.#ending.storePlain(told.pack);
    if (told.kind === 'members') return this.#ending.store(told.members);
    const { outcome, run } = told;
    if (outcome.kind === 'unstartable' || outcome.kind === 'lost') return delivery.settle(outcome, run);
    const reason = outcome.kind === 'failed' ? outcome.error.message : 'the call ran longer than its timeout';
    delivery.settle({ kind: 'lost', reason, ended: false }, run);
  }
}
