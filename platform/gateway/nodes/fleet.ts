/**
 * All nodes of the pilot: who is there (nodes bucket), what they report, which are lost. A report is a sign of life like
 * an entry renewed: while brokers elect a leader nobody's entry can be.
 */
import type { KV, KvWatchEntry } from '@nats-io/kv';
import { nodeSilenceMs } from '#broker';
import { type Clock, messageOf } from '#common';
import { type NodeEntry, nodeEntrySchema } from '#model';
import type { Node, ReportResponse } from '#proto';
import type { TlsIdentity } from '#rpc';
import { agentServerName } from '#security';
import type { Logger } from '#telemetry';
import { FewAtOnce } from './few-at-once.ts';
import { NodeLink } from './node-link.ts';

export interface FleetOptions {
  readonly pilot: string;
  /** The gateway's own node. */
  readonly node: string;
  readonly nodes: KV;
  readonly tls: TlsIdentity;
  readonly epoch: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onChange: () => void;
  /** When a node's scheduler job ends, milliseconds since 1970 (R7). */
  readonly endOf: (node: string) => number | undefined;
  /** A report tells of functions' own metrics, or of scans. */
  readonly onMetrics: (entry: NodeEntry, report: ReportResponse) => void;
  /** An agent will say no more: its last word is in the link. */
  readonly onGone: (link: NodeLink) => void;
  /** A node came, went or was lost. */
  readonly onHappening: (node: string, text: string, level: 'info' | 'warn') => void;
}

/** Silence is looked for this often, so that a lost node is seen within 5 s of its last sign. */
const checkEveryMs = 250;
/** A lost node stays in the lists for this long. */
const rememberLostMs = 10 * 60_000;

/** A check this late means that this process was stopped or starved: what it has not heard proves nothing. */
const lateCheckMs = 1_000;

/** n2 before n10. */
const byName = new Intl.Collator('en', { numeric: true });

interface Member {
  link: NodeLink;
  /** The registration as it was stored: renewals are mostly the same. */
  stored: string;
  lastSeen: number;
  lost: boolean;
  /** Opened under a certificate that was renewed since. */
  outdated?: boolean;
}

export class Fleet {
  readonly #options: FleetOptions;
  /** In the order of their names once `#sorted` was asked: a call looks at all of them, and has no time to sort. */
  readonly #members = new Map<string, Member>();
  #inOrder = true;
  readonly #timer: NodeJS.Timeout;
  readonly #dials = new FewAtOnce();
  readonly #applies = new FewAtOnce();
  #closed = false;
  /** Silence counts from here: before it, this gateway itself heard nothing. */
  #hearingSince: number;
  #checkedAt: number;
  #connected = true;
  #tls: TlsIdentity;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#tls = options.tls;
    this.#hearingSince = this.#checkedAt = options.clock.monotonic();
    this.#timer = setInterval(() => this.#checkSilence(), checkEveryMs);
    void this.#watch();
  }

  /** Nodes that are there and have reported, in the order of their names: the same for every gateway. */
  ready(): NodeLink[] {
    return this.#links((state) => state === 'ready');
  }

  /** Nodes that instances may be placed on: one whose agent has just restarted, and has yet to report, is among them. */
  placeable(): NodeLink[] {
    return this.#links((state) => state === undefined || state === 'ready');
  }

  /** Tells every node its end as it is known now. */
  tellEnds(): void {
    for (const { link } of this.#members.values()) link.setEnd(this.#options.endOf(link.entry.node));
  }

  link(node: string): NodeLink | undefined {
    const member = this.#members.get(node);
    return member && !member.lost ? member.link : undefined;
  }

  /** As people see them, lost ones included. */
  list(): Node[] {
    return this.#sorted().flatMap(({ link, lost }) => {
      const node = link.report?.node;
      if (!node) return [];
      return [lost ? { ...node, state: 'lost', slotsUsed: 0, instances: [] } : node];
    });
  }

  reports(): ReportResponse[] {
    return this.ready().flatMap((link) => (link.report ? [link.report] : []));
  }

  /** Links are opened anew under another certificate, each once it has no call under way. */
  renew(tls: TlsIdentity): void {
    this.#tls = tls;
    for (const member of this.#members.values()) member.outdated = true;
  }

  /** While the broker cannot be reached nobody's silence counts. */
  setConnected(connected: boolean): void {
    this.#connected = connected;
    this.#hearingSince = this.#options.clock.monotonic();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    for (const { link } of this.#members.values()) link.close();
  }

  #links(isWanted: (state: string | undefined) => boolean): NodeLink[] {
    return this.#sorted()
      .filter((member) => !member.lost && isWanted(member.link.report?.node?.state))
      .map((member) => member.link);
  }

  async #watch(): Promise<void> {
    while (!this.#closed) {
      try {
        for await (const entry of await this.#options.nodes.watch()) {
          if (this.#closed) return;
          this.#see(entry);
        }
      } catch (error) {
        this.#options.logger.warn({ error: messageOf(error) }, 'the nodes bucket cannot be watched, trying again');
      }
      await this.#options.clock.sleep(checkEveryMs);
    }
  }

  #see(entry: KvWatchEntry): void {
    if (entry.operation !== 'PUT') return this.#leave(entry.key);
    const stored = entry.string();
    const known = this.#members.get(entry.key);
    if (known && known.stored === stored && !known.lost) {
      known.lastSeen = this.#options.clock.monotonic();
      return;
    }
    const parsed = nodeEntrySchema.safeParse(entry.json());
    if (!parsed.success) {
      this.#options.logger.warn({ peer: entry.key, error: parsed.error.message }, 'malformed registration ignored');
      return;
    }
    const member = this.#members.get(parsed.data.node);
    if (member && member.link.entry.startedAt === parsed.data.startedAt && !member.lost) {
      member.lastSeen = this.#options.clock.monotonic();
      member.stored = stored;
      return;
    }
    if (member) this.#end(member.link);
    this.#put(parsed.data.node, {
      link: this.#open(parsed.data),
      stored,
      lastSeen: this.#options.clock.monotonic(),
      lost: false,
    });
    const what = member ? 'node is back' : 'node has joined';
    this.#options.logger.info({ peer: parsed.data.node, address: parsed.data.address }, what);
    this.#options.onHappening(parsed.data.node, what, 'info');
  }

  #put(node: string, member: Member): void {
    this.#inOrder &&= this.#members.has(node);
    this.#members.set(node, member);
  }

  /** Sorted when somebody looks, and not as each of a thousand nodes joins: that took a fifth of a second. */
  #sorted(): readonly Member[] {
    if (!this.#inOrder) {
      const sorted = [...this.#members].sort(([a], [b]) => byName.compare(a, b));
      this.#members.clear();
      for (const [name, each] of sorted) this.#members.set(name, each);
      this.#inOrder = true;
    }
    return [...this.#members.values()];
  }

  #open(entry: NodeEntry): NodeLink {
    const { pilot, node, epoch, clock, logger, onChange, onMetrics } = this.#options;
    const link = new NodeLink({
      entry,
      isNear: entry.node === node,
      serverName: agentServerName(pilot, entry.node),
      tls: this.#tls,
      epoch,
      dials: this.#dials,
      applies: this.#applies,
      clock,
      logger,
      onChange,
      onMetrics: (report) => onMetrics(entry, report),
    });
    link.setEnd(this.#options.endOf(entry.node));
    return link;
  }

  #checkSilence(): void {
    const now = this.#options.clock.monotonic();
    if (!this.#connected || now - this.#checkedAt > lateCheckMs) this.#hearingSince = now;
    this.#checkedAt = now;
    for (const [node, member] of this.#members) {
      if (member.outdated && !member.lost && member.link.openCalls === 0) {
        member.link.close();
        member.link = this.#open(member.link.entry);
        member.outdated = false;
      }
      if (!member.lost && now - Math.max(member.lastSeen, member.link.reportedAt, this.#hearingSince) > nodeSilenceMs)
        this.#lose(node, `silent for ${nodeSilenceMs} ms`);
      if (member.lost && now - member.lastSeen > rememberLostMs) this.#members.delete(node);
    }
  }

  #end(link: NodeLink): void {
    this.#options.onGone(link);
    link.close();
  }

  /** It said so itself, drained: a node given back is not one that was lost. */
  #leave(node: string): void {
    const member = this.#members.get(node);
    if (!member) return;
    this.#end(member.link);
    this.#members.delete(node);
    this.#options.logger.info({ peer: node }, 'node has left');
    this.#options.onHappening(node, 'node has left', 'info');
    this.#options.onChange();
  }

  #lose(node: string, why: string): void {
    const member = this.#members.get(node);
    if (!member || member.lost) return;
    member.lost = true;
    this.#end(member.link);
    this.#options.logger.warn({ peer: node, why }, 'node is lost');
    this.#options.onHappening(node, `node is lost: ${why}`, 'warn');
    this.#options.onChange();
  }
}
