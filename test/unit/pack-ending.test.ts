/**
 * The end of a pack, as a model: runs that come to anything, and are cut off after any publish, until one of them has acked the
 * pack; then the retries. Whatever happened, each member has exactly one result, or is one dead letter.
 */
import { describe, expect, it } from 'vitest';
import type { FailedAttempt, PulledEvent } from '#broker';
import type { PlatformError } from '#common';
import { resultForms } from '#frames';
import { decodePack, readLeft } from '#packs';
import type { CallOutcome } from '../../platform/agent/call.ts';
import { Delivery } from '../../platform/agent/events/delivery.ts';
import type { TriggerRoute } from '../../platform/agent/events/trigger-route.ts';
import { PackEnding } from '../../platform/agent/packs/pack-ending.ts';
import { fc } from '../harness/properties.ts';

type Answer = (error: PlatformError | undefined, answer?: Uint8Array) => void;

interface Stored {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** A stream that drops doubles, the attempts bucket, and one route to them. */
class Model {
  readonly stored: Stored[] = [];
  readonly records = new Map<string, readonly FailedAttempt[]>();
  /** Publishes that are still let through; the process is gone after them. */
  budget = Number.POSITIVE_INFINITY;
  acked = false;
  readonly #ids = new Map<string, number>();

  publish(subject: string, payload: Uint8Array, encoded: { encode(): Uint8Array }, settled: Answer): void {
    if (this.budget-- <= 0) return;
    const lines = Buffer.from(encoded.encode()).toString().split('\r\n').slice(1);
    const pairs = lines.filter((line) => line !== '').map((line) => line.split(': ') as [string, string]);
    const headers = Object.fromEntries(pairs);
    const id = headers['Nats-Msg-Id'] ?? '';
    const before = this.#ids.get(id);
    if (before === undefined) {
      this.stored.push({ subject, payload, headers });
      this.#ids.set(id, this.stored.length);
    }
    const answer = { stream: 'EVENTS', seq: before ?? this.stored.length, duplicate: before !== undefined };
    queueMicrotask(() => {
      if (this.budget > 0) settled(undefined, Buffer.from(JSON.stringify(answer)));
    });
  }

  /** An ack is empty, a nak is text. */
  #said(payload: unknown): void {
    if (typeof payload !== 'string') this.acked = true;
  }

  route(): TriggerRoute {
    const publisher = { publish: this.publish.bind(this) };
    const forgotten = (name: unknown) => void (this.budget > 0 && this.records.delete(String(name)));
    return {
      functionName: 'f',
      triggerName: 'on0',
      stream: 'EVENTS',
      node: 'n1',
      versionText: 'f:1:d',
      versionLines: '',
      retry: { attempts: 2, minMs: 1, maxMs: 1 },
      clock: { now: () => 0, monotonic: () => 0 },
      leases: { provenAt: 0, connected: true },
      connection: { publish: (_: string, payload: unknown) => this.#said(payload) },
      publisher,
      outputs: {
        store: (
          { subject, data, id, lines }: { subject: string; data: Uint8Array; id: string; lines: string },
          settled: Answer,
        ) =>
          publisher.publish(
            subject,
            data,
            { encode: () => Buffer.from(`\r\nNats-Msg-Id: ${id}\r\n${lines}`) },
            settled,
          ),
      },
      attempts: {
        read: async (name: unknown) => this.records.get(String(name)) ?? [],
        record: async (name: unknown, record: readonly FailedAttempt[]) => {
          if (this.budget > 0) this.records.set(String(name), record);
        },
        forget: forgotten,
      },
      logs: { write: () => undefined },
      logger: { warn: () => undefined },
      mapStack: async (stack: string) => stack,
      parking: { mayWait: () => false },
      idOf: (name: unknown) => `f.on0.EVENTS.${String(name)}`,
      outputId: (name: unknown, index: unknown) => `f.on0.EVENTS.${String(name)}.${String(index)}`,
      outputLines: () => '',
      outputSubject: () => 'ev.out',
      subjectOf: () => 'in',
      scanOf: () => undefined,
    } as unknown as TriggerRoute;
  }

  /** Numbers of the members whose results are stored, one a result. */
  results(): number[] {
    return this.stored
      .filter(({ subject }) => subject === 'ev.out')
      .flatMap(({ payload, headers }) =>
        headers['Pilotfish-Pack'] ? decodePack(payload).map((member) => Number(member.payload)) : [Number(payload)],
      );
  }

  left(sequence: number): number[] {
    return readLeft(this.stored[sequence - 1]?.headers['Pilotfish-Pack-Left']);
  }
}

const nobody = { released: () => undefined };
const none: CallOutcome = { kind: 'result', form: resultForms.none, header: '', body: new Uint8Array(0) };
const outcomes = {
  single: (at: number): CallOutcome => ({ ...none, form: resultForms.single, body: Buffer.from(String(at)) }),
  several: (at: number): CallOutcome => {
    const body = Buffer.from(String(at));
    return { ...none, form: resultForms.several, header: JSON.stringify([{ length: body.length }]), body };
  },
  failed: (): CallOutcome => ({ kind: 'failed', error: { kind: 'failed', message: 'no', stack: '' } }),
  rejected: (): CallOutcome => ({ kind: 'failed', error: { kind: 'rejected', message: 'never', stack: '' } }),
  lost: (): CallOutcome => ({ kind: 'lost', reason: 'gone', ended: false }),
  ended: (): CallOutcome => ({ kind: 'lost', reason: 'over', ended: true }),
  unstartable: (): CallOutcome => ({ kind: 'unstartable', reason: 'no slot' }),
};
type Outcome = keyof typeof outcomes;

const run = { instance: 'i', ms: 1 };
const member = (at: number): PulledEvent => ({
  ...pack(1),
  member: at,
  message: { data: Buffer.from(String(at)), subject: 'ev.in' },
});
const pack = (deliveries: number): PulledEvent => ({
  message: { data: new Uint8Array(0), subject: 'ev.in' },
  subject: 'ev.in',
  ackSubject: 'ack',
  streamSequence: 7,
  deliveries,
  timeMs: 0,
});
const settled = async () => {
  for (let turn = 0; turn < 60; turn++) await Promise.resolve();
};

async function runPack(model: Model, deliveries: number, told: readonly Outcome[]): Promise<void> {
  const route = model.route();
  const delivery = new Delivery(pack(deliveries), route, nobody);
  const members = told.map((_, at) => member(at));
  const readLeftOf = async (sequence: number) => model.left(sequence);
  const ending = new PackEnding({ delivery, route, members: () => members, readLeft: readLeftOf });
  ending.store(told.map((kind, at) => ({ outcome: outcomes[kind](at), run })));
  await settled();
}

/** Each stored retry runs once more, and succeeds unless its member is rejected for good. */
async function runRetries(model: Model, isPoisoned: (at: number) => boolean): Promise<void> {
  const retries = model.stored.filter(({ subject }) => subject.startsWith('retry.'));
  for (const { headers } of retries) {
    const [, name = ''] = (headers['Pilotfish-Origin'] ?? '').split(' ');
    const at = Number(name.split('-')[1]);
    const event: PulledEvent = { ...member(at), retry: { notBeforeMs: 0, redriven: 0 } };
    const delivery = new Delivery(event, model.route(), nobody);
    delivery.settle(isPoisoned(at) ? outcomes.rejected() : outcomes.single(at), run);
    await settled();
  }
}

const kinds = Object.keys(outcomes) as Outcome[];

describe('PackEnding', () => {
  it('gives each member one result or one dead letter, wherever runs are cut off', async () => {
    const poison = fc.array(fc.boolean(), { minLength: 1, maxLength: 5 });
    const cuts = fc.array(fc.record({ budget: fc.nat(8), seed: fc.array(fc.nat(), { minLength: 5, maxLength: 5 }) }), {
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(poison, cuts, async (poisoned, runs) => {
        const model = new Model();
        const kindOf = (at: number, choice: number): Outcome =>
          poisoned[at]
            ? 'rejected'
            : (kinds.filter((kind) => kind !== 'rejected')[choice % (kinds.length - 1)] ?? 'single');
        for (const [at, { budget, seed }] of runs.entries()) {
          if (model.acked) break;
          model.budget = budget;
          await runPack(
            model,
            at + 1,
            poisoned.map((_, place) => kindOf(place, seed[place] ?? 0)),
          );
        }
        model.budget = Number.POSITIVE_INFINITY;
        if (!model.acked)
          await runPack(
            model,
            runs.length + 1,
            poisoned.map((bad) => (bad ? 'rejected' : 'single')),
          );
        expect(model.acked).toBe(true);
        await runRetries(model, (at) => poisoned[at] ?? false);
        const good = poisoned.flatMap((bad, at) => (bad ? [] : [at]));
        expect(model.results().sort()).toEqual(good);
        const letters = model.stored.filter(({ subject }) => subject.startsWith('dlq.'));
        const dead = letters.map(({ payload }) => JSON.parse(Buffer.from(payload).toString()).event.member as number);
        // What has failed in two runs is a letter for good, and was allowed no more tries.
        expect(dead.sort()).toEqual(poisoned.flatMap((bad, at) => (bad ? [at] : [])));
      }),
      { numRuns: 400 },
    );
  });

  it('stores nothing for members without a result, and acks', async () => {
    const model = new Model();
    const route = model.route();
    const delivery = new Delivery(pack(1), route, nobody);
    const ending = new PackEnding({ delivery, route, members: () => [member(0)], readLeft: async () => [] });
    ending.store([{ outcome: none, run }]);
    await settled();
    expect([model.stored, model.acked]).toEqual([[], true]);
  });
});
