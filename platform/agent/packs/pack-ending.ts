/**
 * The end of a pack. Its results are stored as one message, whose id names the pack: whatever ran it, and however often, the
 * first such message counts (R3), and says which members it does not hold. Those go on by themselves, as outputs, retries or
 * dead letters with ids of their own; then the pack is acked (R2). So an agent that is killed anywhere leaves a pack that the
 * next one ends in the same way, and a stopped one that wakes up says nothing new.
 */
import { encodeHeadersWithId, eventName, headerLines, type PulledEvent, readPubAck } from '#broker';
import { backoffMs, type PlatformError } from '#common';
import { resultForms } from '#frames';
import {
  describePack,
  encodeLeft,
  encodePack,
  memberCount,
  type PackMember,
  packedBytes,
  packHeader,
  packLeftHeader,
} from '#packs';
import type { Delivery } from '../events/delivery.ts';
import { refusedBackoff, unstartableDelayMs } from '../events/delivery-waits.ts';
import type { TriggerRoute } from '../events/trigger-route.ts';
import type { PackTrace } from '../traces/pack-trace.ts';
import { traceHeaders } from '../traces/trace-headers.ts';
import { MemberDelivery } from './member-delivery.ts';
import type { MemberOutcome } from './pack-calls.ts';

/** Places that the stored pack of results of this sequence does not hold; undefined where it is gone. */
export type ReadLeft = (sequence: number) => Promise<readonly number[] | undefined>;

export interface PackEndingOptions {
  readonly delivery: Delivery;
  readonly route: TriggerRoute;
  readonly members: () => readonly PulledEvent[];
  /** Where one of its members is traced. */
  readonly trace?: PackTrace | undefined;
  readonly readLeft: ReadLeft;
}

/** Results larger than this together are not one message: those that do not fit go on by themselves. */
const resultBytesMax = 4 * 2 ** 20;

export class PackEnding {
  readonly #options: PackEndingOptions;
  /** Somebody else has, or has had, the pack as well. */
  #ranBefore: boolean;

  constructor(options: PackEndingOptions) {
    this.#options = options;
    this.#ranBefore = !options.delivery.isFirst;
  }

  /** Every member has one result without headers: the instance's pack is the one to store. */
  storePlain(results: Uint8Array): void {
    this.#publish(results, memberCount(results), [], (left) => {
      if (left.length === 0) return this.#done();
      // Another run's results were stored first, and not for all: what this one made of the others is thrown away.
      this.#goOn(left, () => undefined);
    });
  }

  store(told: readonly MemberOutcome[]): void {
    const results: PackMember[] = [];
    const left: number[] = [];
    let bytes = 0;
    for (const [at, { outcome, run }] of told.entries()) {
      this.#traceOf(at)?.handled(outcome, run, this.#options.route.clock.now());
      if (outcome.kind !== 'result' || outcome.form === resultForms.several) {
        left.push(at);
        continue;
      }
      if (outcome.form === resultForms.none) continue;
      const result = { headers: this.#headersOf(at), payload: outcome.body };
      bytes += packedBytes(result);
      if (bytes > resultBytesMax) left.push(at);
      else results.push(result);
    }
    // Without results and with nothing left there is nothing that another run could double.
    if (results.length + left.length === 0) return this.#done();
    this.#publish(encodePack(results), results.length, left, (still) => this.#goOn(still, (at) => told[at]));
  }

  #traceOf(at: number) {
    return this.#options.trace?.of(at);
  }

  #headersOf(at: number): string {
    const { route } = this.#options;
    const event = this.#options.members()[at];
    if (!event) return '';
    const attributes = route.cloudEvents?.(route.outputId(eventName(event), 0)) ?? [];
    const own = [...attributes, ...(this.#traceOf(at)?.headers ?? traceHeaders(event))];
    return own.length === 0 ? '' : JSON.stringify(Object.fromEntries(own));
  }

  #publish(results: Uint8Array, count: number, left: readonly number[], then: (left: readonly number[]) => void): void {
    const { delivery, route } = this.#options;
    const subject = route.outputSubject(delivery.event);
    if (subject === undefined) return then(left);
    const about: [string, string][] = [[packHeader, describePack(count)]];
    if (left.length > 0) about.push([packLeftHeader, encodeLeft(left)]);
    const headers = encodeHeadersWithId(route.outputId(delivery.name, 'pack'), route.versionLines + headerLines(about));
    route.publisher.publish(subject, results, headers, (error, answer) => {
      // Refused for good, and so is each alone: what is wrong is told for each.
      if (error && !error.retryable) return then(this.#options.members().map((_, at) => at));
      if (error || !answer) return this.#giveBack(error);
      const { duplicate, sequence } = readPubAck(answer);
      if (!duplicate) return then(left);
      this.#ranBefore = true;
      this.#options.readLeft(sequence).then(
        // Gone: it is older than the duplicate window of a stream that was emptied by hand.
        (stored) => then(stored ?? left),
        () => this.#giveBack(undefined),
      );
    });
  }

  #goOn(left: readonly number[], toldOf: (at: number) => MemberOutcome | undefined): void {
    if (left.length === 0) return this.#done();
    const { members, route } = this.#options;
    let open = left.length;
    let refused = false;
    const ended = (at: number, stored: boolean) => {
      refused ||= !stored;
      this.#traceOf(at)?.end(route.clock.now());
      if (--open > 0) return;
      if (refused) this.#giveBack(undefined);
      else this.#done();
    };
    for (const at of left) {
      const event = members()[at];
      if (!event) ended(at, true);
      else {
        const end = { stored: () => ended(at, true), refused: () => ended(at, false) };
        const member = new MemberDelivery(event, route, end);
        member.trace = this.#traceOf(at);
        this.#goOnAlone(member, toldOf(at)).catch(end.refused);
      }
    }
  }

  async #goOnAlone(member: MemberDelivery, told: MemberOutcome | undefined): Promise<void> {
    const { route } = this.#options;
    if (told?.outcome.kind === 'result') return member.settle(told.outcome, told.run);
    // An earlier run may have sent it on its way: the attempts that it has had since are not to be forgotten.
    const earlier = this.#ranBefore ? await route.attempts.read(member.name) : [];
    if (earlier.length > 0) return member.park(String(earlier.length), 0);
    const { outcome, run } = told ?? {};
    if (!outcome || !run || outcome.kind === 'unstartable' || (outcome.kind === 'lost' && outcome.ended)) {
      return member.park('again', unstartableDelayMs);
    }
    member.settle(outcome, run);
  }

  #done(): void {
    const { delivery, route } = this.#options;
    if (delivery.earlier.length > 0) route.attempts.forget(delivery.name);
    delivery.ack();
  }

  #giveBack(error: PlatformError | undefined): void {
    const { delivery, route } = this.#options;
    route.logger.warn({ function: route.functionName, error: error?.message }, 'results of a pack refused, given back');
    delivery.nak(refusedBackoff.minMs + backoffMs(delivery.deliveries, refusedBackoff));
  }
}
