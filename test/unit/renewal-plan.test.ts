/** A renewal goes on from whatever is seen, and never ends a block that something still needs. */
import { describe, expect, it } from 'vitest';
import { decideExtensions, decideRenewal, type ExtensionView, handOverMs, joinMs, type RenewalView } from '#pilot';
import { fc } from '../harness/properties.ts';

const old = { block: 'b1', endsAtMs: 600_000, joined: true };
const young = { block: 'b3', endsAtMs: 1_200_000, joined: true };
const view: RenewalView = { nowMs: 0, blocks: [old], actingBlock: 'b1', strayStreams: 0, queueWaitMs: 20_000 };

describe('decideRenewal()', () => {
  it('submits early enough for the longest wait in the queue and half of it more', () => {
    const dueMs = old.endsAtMs - 30_000 - handOverMs;
    expect(decideRenewal({ ...view, nowMs: dueMs - 1 }).kind).toBe('wait');
    expect(decideRenewal({ ...view, nowMs: dueMs })).toEqual({ kind: 'submit' });
    expect(decideRenewal({ ...view, nowMs: 1e9, blocks: [{ ...old, endsAtMs: undefined }] }).kind).toBe('wait');
  });

  it('goes step by step: join, move the streams, move the gateway, end the old job', () => {
    const two = { ...view, blocks: [old, young] };
    expect(decideRenewal({ ...two, blocks: [old, { ...young, joined: false }] }).kind).toBe('wait');
    expect(decideRenewal({ ...two, strayStreams: undefined }).kind).toBe('wait');
    expect(decideRenewal({ ...two, strayStreams: 3 })).toEqual({ kind: 'place', block: 'b3' });
    expect(decideRenewal(two)).toEqual({ kind: 'hand-over' });
    expect(decideRenewal({ ...two, actingBlock: 'b3' })).toEqual({ kind: 'retire', block: 'b1' });
    expect(decideRenewal({ ...two, blocks: [young], actingBlock: 'b3' }).kind).toBe('wait');
  });

  it('whatever is seen: no block goes that holds a stream or the acting gateway, and no second successor is asked for', () => {
    const block = fc.record({
      endsAtMs: fc.option(fc.nat(1e6), { nil: undefined }),
      joined: fc.boolean(),
    });
    const anything = fc
      .record({
        nowMs: fc.nat(1e6),
        blocks: fc.array(block, { maxLength: 4 }),
        acting: fc.nat(3),
        strayStreams: fc.option(fc.nat(3), { nil: undefined }),
        queueWaitMs: fc.nat(1e6),
      })
      .map(({ blocks, acting, ...rest }) => ({
        ...rest,
        blocks: blocks.map((each, at) => ({ ...each, block: `b${at}` })),
        actingBlock: `b${acting}`,
      }));
    void fc.assert(
      fc.property(anything, (seen) => {
        const step = decideRenewal(seen);
        const newest = seen.blocks.at(-1);
        if (step.kind === 'submit') expect(seen.blocks).toHaveLength(1);
        if (step.kind === 'place') expect(newest).toMatchObject({ block: step.block, joined: true });
        if (step.kind === 'hand-over') expect(seen).toMatchObject({ strayStreams: 0 });
        if (step.kind !== 'retire') return;
        expect(seen.strayStreams).toBe(0);
        expect(seen.actingBlock).toBe(newest?.block);
        expect(step.block).not.toBe(newest?.block);
      }),
    );
  });
});

describe('decideExtensions()', () => {
  const extension = { block: 'b2', follows: undefined, renew: true, endsAtMs: 600_000, joined: true };
  const successor = { ...extension, block: 'b4', follows: 'b2', endsAtMs: 1_200_000 };
  const seen: ExtensionView = { nowMs: 0, blocks: [extension], queueWaitMs: 20_000 };

  it('asks for a successor early enough, once, and ends the old job when that has joined', () => {
    const nowMs = extension.endsAtMs - 30_000 - joinMs;
    expect(decideExtensions({ ...seen, nowMs: nowMs - 1 })).toEqual([]);
    expect(decideExtensions({ ...seen, nowMs })).toEqual([{ kind: 'follow', block: 'b2' }]);
    const waiting = [extension, { ...successor, joined: false }];
    expect(decideExtensions({ ...seen, nowMs, blocks: waiting })).toEqual([]);
    expect(decideExtensions({ ...seen, nowMs, blocks: [extension, successor] })).toEqual([
      { kind: 'retire', block: 'b2' },
    ]);
    expect(decideExtensions({ ...seen, nowMs, blocks: [successor] })).toEqual([]);
  });

  it('leaves alone what is not to be renewed, and what has no end', () => {
    const blocks = [
      { ...extension, renew: false },
      { ...extension, block: 'b3', endsAtMs: undefined },
    ];
    expect(decideExtensions({ ...seen, nowMs: 1e9, blocks })).toEqual([]);
  });

  it('whatever is seen: no job ends whose successor has not joined, and nobody is followed twice', () => {
    const block = fc.record({
      renew: fc.boolean(),
      joined: fc.boolean(),
      endsAtMs: fc.option(fc.nat(1e6), { nil: undefined }),
      follows: fc.option(fc.nat(4), { nil: undefined }),
    });
    const anything = fc
      .record({ nowMs: fc.nat(1e6), queueWaitMs: fc.nat(1e6), blocks: fc.array(block, { maxLength: 5 }) })
      .map(({ blocks, ...rest }) => ({
        ...rest,
        blocks: blocks.map(({ follows, ...each }, at) => ({
          ...each,
          block: `b${at}`,
          follows: follows === undefined || follows >= at ? undefined : `b${follows}`,
        })),
      }));
    void fc.assert(
      fc.property(anything, (view) => {
        for (const step of decideExtensions(view)) {
          const followers = view.blocks.filter(({ follows }) => follows === step.block);
          if (step.kind === 'follow') expect(followers).toEqual([]);
          else expect(followers.some(({ joined }) => joined)).toBe(true);
        }
      }),
    );
  });
});
