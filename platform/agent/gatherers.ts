/**
 * The triggers that one node at a time reads: gathers, and those with order, whose events it puts in line. gatherer.ts: lease and lifecycle of one; gather-reading.ts: reading
 * while owner; gather-mark.ts: watermark; gather-outbox.ts and gather-letters.ts: what is published; spool.ts: bringing
 * a closed key's parts to an instance.
 */
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { type Buckets, type EventPublisher, gatherKey, inboxPrefix } from '#broker';
import { type Clock, messageOf } from '#common';
import type { FunctionVersion, GatherProgress, Trigger, WantedFunction } from '#proto';
import { compileCollect } from '#routing';
import type { Logger } from '#telemetry';
import { GatherReading } from './gather/gather-reading.ts';
import { Gatherer } from './gatherer.ts';
import { Sequencing } from './order/sequencing.ts';

export interface GatherersOptions {
  readonly connection: NatsConnection;
  readonly buckets: Buckets;
  readonly publisher: EventPublisher;
  readonly clock: Clock;
  readonly node: string;
  readonly logger: Logger;
}

interface Followed {
  readonly functionName: string;
  /** The trigger and version as followed; another one is another gatherer. */
  readonly signature: string;
  readonly gatherer: Promise<Gatherer | undefined>;
  current: Gatherer | undefined;
}

export class Gatherers {
  readonly #options: GatherersOptions;
  readonly #manager: Promise<JetStreamManager>;
  readonly #followed = new Map<string, Followed>();
  readonly #closing = new Set<Promise<void>>();

  constructor(options: GatherersOptions) {
    this.#options = options;
    // Without asking the server: it may be away when an agent starts.
    this.#manager = jetstreamManager(options.connection, { checkAPI: false });
  }

  /** States which functions' triggers this node competes for; those no longer there are let go. */
  follow(functions: readonly WantedFunction[]): void {
    const wanted = new Map<string, { version: FunctionVersion; trigger: Trigger }>();
    for (const { version, pull } of functions) {
      if (!version || !pull) continue;
      for (const trigger of version.spec?.triggers ?? []) {
        if (trigger.gather || trigger.window || version.spec?.order)
          wanted.set(gatherKey(version.function, trigger.name), { version, trigger });
      }
    }
    for (const [key, followed] of this.#followed) {
      const entry = wanted.get(key);
      if (entry && signatureOf(entry.version, entry.trigger) === followed.signature) wanted.delete(key);
      else this.#letGo(key, followed);
    }
    for (const [key, { version, trigger }] of wanted) this.#add(key, version, trigger);
  }

  /** Open keys of the function's gathers that this node reads: forecast of work (G12). */
  openKeys(functionName: string): number {
    let sum = 0;
    for (const followed of this.#followed.values()) {
      if (followed.functionName === functionName) sum += followed.current?.openKeys ?? 0;
    }
    return sum;
  }

  /** How far the function's gathers on this node are: lately closed keys, then open ones, oldest first. */
  progress(functionName: string): GatherProgress[] {
    return [...this.#followed.values()].flatMap(({ functionName: name, current }) =>
      name === functionName ? (current?.progress() ?? []) : [],
    );
  }

  /** What the owner of a trigger has counted since it took over; undefined where another node gathers. */
  counts(functionName: string, trigger: string): Gatherer['counts'] {
    return this.#followed.get(gatherKey(functionName, trigger))?.current?.counts;
  }

  async close(): Promise<void> {
    for (const [key, followed] of this.#followed) this.#letGo(key, followed);
    await Promise.all(this.#closing);
  }

  #add(key: string, version: FunctionVersion, trigger: Trigger): void {
    const followed: Followed = {
      functionName: version.function,
      signature: signatureOf(version, trigger),
      gatherer: this.#create(key, version, trigger),
      current: undefined,
    };
    this.#followed.set(key, followed);
    void followed.gatherer.then((gatherer) => {
      followed.current = gatherer;
    });
  }

  /** Undefined for a trigger that cannot be gathered; deploy should have refused it. */
  async #create(key: string, version: FunctionVersion, trigger: Trigger): Promise<Gatherer | undefined> {
    const { connection, buckets, publisher, clock, node, logger } = this.#options;
    // A former gatherer of the same trigger gives its lease back first.
    await Promise.all(this.#closing);
    const manager = await this.#manager;
    if (this.#followed.get(key)?.signature !== signatureOf(version, trigger)) return undefined;
    try {
      const shared = {
        origin: { version, trigger: trigger.name },
        connection,
        manager,
        inbox: inboxPrefix('agent', node),
        buckets,
        publisher,
        clock,
        logger,
      };
      const key = version.spec?.order?.key;
      const rules = trigger.gather || trigger.window ? compileCollect(trigger) : undefined;
      return new Gatherer({
        ...shared,
        node,
        start: async (epoch, isHeld) => {
          if (rules) return await GatherReading.start({ ...shared, rules, epoch });
          return key === undefined ? undefined : await Sequencing.start({ ...shared, trigger, key, epoch, isHeld });
        },
      });
    } catch (error) {
      logger.error(
        { function: version.function, trigger: trigger.name, error: messageOf(error) },
        'trigger cannot be gathered',
      );
      return undefined;
    }
  }

  #letGo(key: string, followed: Followed): void {
    this.#followed.delete(key);
    const closed = followed.gatherer.then((gatherer) => gatherer?.close()).finally(() => this.#closing.delete(closed));
    this.#closing.add(closed);
  }
}

function signatureOf(version: FunctionVersion, trigger: Trigger): string {
  return JSON.stringify([version.digest, trigger]);
}
