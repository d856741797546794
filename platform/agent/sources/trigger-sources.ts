/** The triggers whose events the platform makes itself, by the clock and from files: this node competes for each. */
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { type Buckets, type EventPublisher, gatherKey } from '#broker';
import type { Clock } from '#common';
import type { Trigger, WantedFunction } from '#proto';
import type { Logger } from '#telemetry';
import type { LogSink } from '../records/log-sink.ts';
import { CronSource } from './cron-source.ts';
import { FileSource } from './file-source.ts';
import { SourceOwner } from './source-owner.ts';

export interface TriggerSourcesOptions {
  readonly connection: NatsConnection;
  readonly buckets: Buckets;
  readonly publisher: EventPublisher;
  readonly logs: LogSink;
  readonly clock: Clock;
  readonly node: string;
  readonly logger: Logger;
}

interface Followed {
  /** The trigger as followed; another one is another source. A new version with the same trigger goes on with it. */
  readonly signature: string;
  readonly owner: Promise<SourceOwner | undefined>;
  paused: boolean;
}

export class TriggerSources {
  readonly #options: TriggerSourcesOptions;
  readonly #manager: Promise<JetStreamManager>;
  readonly #followed = new Map<string, Followed>();
  readonly #closing = new Set<Promise<void>>();

  constructor(options: TriggerSourcesOptions) {
    this.#options = options;
    // Without asking the server: it may be away when an agent starts.
    this.#manager = jetstreamManager(options.connection, { checkAPI: false });
  }

  /** States which functions' sources this node competes for; those no longer there are let go. */
  follow(functions: readonly WantedFunction[]): void {
    const wanted = new Map<string, { functionName: string; trigger: Trigger; paused: boolean }>();
    for (const { version, pull, triggers } of functions) {
      if (!version || !pull) continue;
      for (const trigger of version.spec?.triggers ?? []) {
        if (!trigger.cron && !trigger.files) continue;
        const paused = triggers.some((state) => state.name === trigger.name && state.paused);
        wanted.set(sourceKey(version.function, trigger.name), { functionName: version.function, trigger, paused });
      }
    }
    for (const [key, followed] of this.#followed) {
      const entry = wanted.get(key);
      if (entry && JSON.stringify(entry.trigger) === followed.signature) continue;
      this.#letGo(key, followed);
    }
    for (const [key, { functionName, trigger, paused }] of wanted) this.#keep(key, functionName, trigger, paused);
  }

  /** True where this node runs the trigger's source. */
  async owns(functionName: string, trigger: string): Promise<boolean> {
    return (await this.#followed.get(sourceKey(functionName, trigger))?.owner)?.owner ?? false;
  }

  async close(): Promise<void> {
    for (const [key, followed] of this.#followed) this.#letGo(key, followed);
    await Promise.all(this.#closing);
  }

  #keep(key: string, functionName: string, trigger: Trigger, paused: boolean): void {
    const signature = JSON.stringify(trigger);
    let followed = this.#followed.get(key);
    if (!followed) {
      followed = { signature, owner: this.#create(key, functionName, trigger), paused };
      this.#followed.set(key, followed);
    }
    const { owner } = followed;
    followed.paused = paused;
    void owner.then((started) => {
      // What was said last counts, however long the start took.
      if (started) started.paused = this.#followed.get(key)?.paused ?? paused;
    });
  }

  async #create(key: string, functionName: string, trigger: Trigger): Promise<SourceOwner | undefined> {
    const { buckets, publisher, logs, clock, node, logger } = this.#options;
    // A former owner of the same trigger gives its lease back first.
    await Promise.all(this.#closing);
    const manager = await this.#manager;
    const followed = this.#followed.get(key);
    if (followed?.signature !== JSON.stringify(trigger)) return undefined;
    const owner = new SourceOwner({
      lease: { leases: buckets.gatherLeases, key, node, clock },
      source: {
        functionName,
        trigger,
        marks: buckets.gatherMarks,
        publisher,
        manager,
        clock,
        logger,
        tell: (level, text) => logs.write({ functionName, instance: node, level, call: '', text }),
      },
      open: (options) => (trigger.cron ? CronSource.open(options, key) : FileSource.open(options, key)),
    });
    owner.paused = followed.paused;
    return owner;
  }

  #letGo(key: string, followed: Followed): void {
    this.#followed.delete(key);
    const closed = followed.owner.then((owner) => owner?.close()).finally(() => this.#closing.delete(closed));
    this.#closing.add(closed);
  }
}

/** Beside the trigger's own lease and mark, which belong to whoever puts its events in line. */
function sourceKey(functionName: string, trigger: string): string {
  return `${gatherKey(functionName, trigger)}.source`;
}
