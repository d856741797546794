/**
 * Keeps the leases of all events that this agent holds (design, "Leases"): extends them in bunches at a third of the
 * lease, and notices when it has been cut off for longer than one. Then the events are somebody else's.
 */
import type { NatsConnection } from '@nats-io/transport-node';
import { leaseMs } from '#broker';
import type { Clock } from '#common';

/** An event under a lease, as the keeper sees it. */
export interface LeasedEvent {
  /** Monotonic time until which the server has promised not to give the event to anybody else. */
  leaseUntil: number;
  /** Asks for a further lease; the keeper moves `leaseUntil` once the server has read that. */
  extend(): void;
}

export interface LeaseKeeperOptions {
  readonly connection: Pick<NatsConnection, 'flush'>;
  readonly clock: Clock;
  readonly held: () => Iterable<LeasedEvent>;
  /** Cut off for longer than a lease; told once, until there is contact again. */
  readonly onCutOff: () => void;
}

const renewEveryMs = leaseMs / 3;
/** How late the end of the last lease may be noticed. */
const checkEveryMs = 250;

export class LeaseKeeper {
  /** False between the loss of the connection and the next one: what is published then may arrive long after a lease. */
  connected = true;
  readonly #options: LeaseKeeperOptions;
  readonly #timers: readonly NodeJS.Timeout[];
  #provenAt: number;
  #cutOff = false;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
    this.#provenAt = options.clock.monotonic();
    this.#timers = [setInterval(() => this.renew(), renewEveryMs), setInterval(() => this.#check(), checkEveryMs)];
  }

  /**
   * When the newest answered question to the server was asked. It answers in order: what arrives now was sent later, however
   * long this process was stopped or the line was silent, so an arriving event's lease began no earlier.
   */
  get provenAt(): number {
    return this.#provenAt;
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  /** Extends what needs it; also called after a reconnect, before anything is asked for on the new connection. */
  renew(): void {
    const { clock, connection, held } = this.#options;
    this.#check();
    const sentAt = clock.monotonic();
    const extended: LeasedEvent[] = [];
    for (const event of held()) {
      // An event that came within this round has most of its lease before it.
      if (event.leaseUntil - sentAt > leaseMs - renewEveryMs / 2) continue;
      event.extend();
      extended.push(event);
    }
    // The answer to the flush proves that the server has read all that was sent before it.
    connection.flush().then(
      () => {
        this.#provenAt = Math.max(this.#provenAt, sentAt);
        this.#cutOff = false;
        for (const event of extended) event.leaseUntil = Math.max(event.leaseUntil, sentAt + leaseMs);
      },
      () => undefined,
    );
  }

  /** A stopped process notices here too: its timers ran late, the time went on. */
  #check(): void {
    if (this.#cutOff || this.#options.clock.monotonic() - this.#provenAt <= leaseMs) return;
    this.#cutOff = true;
    this.#options.onCutOff();
  }
}
