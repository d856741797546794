/**
 * Keeps the leases of all events that this agent holds (design, "Leases"): extends them in bunches at a third of the
 * lease, and notices when it has been cut off for longer than one. Then the events are somebody else's.
 */
import type { NatsConnection } from '@nats-io/transport-node';
import { leaseMs } from '#broker';
import type { Clock } from '#common';
import type { Delivery } from './delivery.ts';

export interface LeaseKeeperOptions {
  readonly connection: NatsConnection;
  readonly clock: Clock;
  readonly held: () => Iterable<Delivery>;
  /** Cut off for longer than a lease. */
  readonly onCutOff: () => void;
}

const renewEveryMs = leaseMs / 3;

export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  readonly #timer: NodeJS.Timeout;
  #lastContact: number;
  #cutOff = false;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
    this.#lastContact = options.clock.monotonic();
    this.#timer = setInterval(() => this.#renew(), renewEveryMs);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #renew(): void {
    const { clock, connection, held, onCutOff } = this.#options;
    const sentAt = clock.monotonic();
    // A stopped process notices here too: its timers ran late, the wall went on.
    if (sentAt - this.#lastContact > leaseMs && !this.#cutOff) {
      this.#cutOff = true;
      onCutOff();
    }
    const extended: Delivery[] = [];
    for (const delivery of held()) {
      // An event that came within this round has most of its lease before it.
      if (delivery.leaseUntil - sentAt > leaseMs - renewEveryMs / 2) continue;
      delivery.extend();
      extended.push(delivery);
    }
    // The answer to the flush proves that the server has read all that was sent before it.
    connection.flush().then(
      () => {
        this.#lastContact = clock.monotonic();
        this.#cutOff = false;
        for (const delivery of extended) delivery.leaseUntil = Math.max(delivery.leaseUntil, sentAt + leaseMs);
      },
      () => undefined,
    );
  }
}
