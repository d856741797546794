/** A member of a pack that goes on by itself: its own attempts, retry and dead letter. What ends it is told to its pack. */
import type { PulledEvent } from '#broker';
import { Delivery } from '../events/delivery.ts';
import type { TriggerRoute } from '../events/trigger-route.ts';

export interface MemberEnd {
  /** Whatever it needs for that is stored elsewhere: the pack may be acked. */
  readonly stored: () => void;
  /** It is stored nowhere but in the pack. */
  readonly refused: () => void;
}

export class MemberDelivery extends Delivery {
  readonly #end: MemberEnd;

  constructor(event: PulledEvent, route: TriggerRoute, end: MemberEnd) {
    super(event, route, { released: () => undefined });
    this.#end = end;
  }

  override ack(): void {
    this.#end.stored();
  }

  override nak(): void {
    this.#end.refused();
  }

  /** Its place is the pack's, which goes: it waits in the stream of retries (R2). */
  protected override waitsWhereItIs(): boolean {
    return false;
  }
}
