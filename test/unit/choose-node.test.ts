/** Which node takes a call, against the same rule written over single instances. */
import { describe, expect, it } from 'vitest';
import { FunctionVersion, type Instance, ReportResponse } from '#proto';
import { type CallNode, chooseNode } from '../../platform/gateway/calls/choose-node.ts';
import { fc } from '../harness/properties.ts';

const version = FunctionVersion.fromPartial({ function: 'f', digest: 'd1', spec: { resources: { cpu: 2 } } });

function node(states: Partial<Instance>[], openCalls = 0, free = 0, gpus = 0): CallNode {
  const report = ReportResponse.fromPartial({ node: { slots: free, slotsUsed: 0, instances: states } });
  return { entry: { gpus }, report, openCalls };
}

const own = (state: string) => ({ digest: 'd1', state });

describe('the node of a call', () => {
  it('is the one with a ready instance that has least to do', () => {
    const [busy, half, other] = [
      node([own('ready')], 4),
      node([own('ready'), own('ready')], 6),
      node([{ digest: 'd2', state: 'ready' }], 0, 8),
    ];
    expect(chooseNode([busy, half, other], version)).toBe(half);
  });

  it('is one with a spare instance before one that starts, and that before one that would have to', () => {
    const [empty, starting, spare] = [node([], 0, 8), node([own('starting')], 3), node([own('spare')], 9)];
    expect(chooseNode([empty, starting, spare], version)).toBe(spare);
    expect(chooseNode([empty, starting], version)).toBe(starting);
    expect(chooseNode([empty], version)).toBe(empty);
  });

  it('is none where nobody has room, has reported, or has what the function asks for', () => {
    const silent: CallNode = { entry: {}, report: undefined, openCalls: 0 };
    expect(chooseNode([silent, node([own('draining')], 0, 1)], version)).toBeUndefined();
    const onGpu = FunctionVersion.fromPartial({ digest: 'd1', spec: { resources: { gpus: 1 } } });
    const [without, having] = [node([], 0, 8), node([], 0, 4, 1)];
    expect(chooseNode([without, having], onGpu)).toBe(having);
  });

  it('is what the rule says of single instances', () => {
    const instance = fc.record({
      digest: fc.constantFrom('d1', 'd2'),
      state: fc.constantFrom('ready', 'starting', 'spare', 'draining', 'stopped'),
    });
    const nodes = fc.array(
      fc.tuple(fc.array(instance, { maxLength: 5 }), fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 4 })),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(nodes, (drawn) => {
        const all = drawn.map(([instances, openCalls, free]) => node(instances, openCalls, free));
        const count = (at: number, state: string) =>
          drawn[at]?.[0].filter((each) => each.digest === 'd1' && each.state === state).length ?? 0;
        const ranks = drawn.map(([, open, free], at) => {
          if (count(at, 'ready') > 0) return [0, open / count(at, 'ready')];
          if (count(at, 'spare') > 0) return [1, open];
          if (count(at, 'starting') > 0) return [2, open];
          return free >= 2 ? [3, -free] : [4, 0];
        });
        const order = ranks.map((_, at) => at).sort((a, b) => compare(ranks[a] ?? [], ranks[b] ?? []) || a - b);
        const [first] = order.filter((at) => ranks[at]?.[0] !== 4);
        expect(chooseNode(all, version)).toBe(first === undefined ? undefined : all[first]);
      }),
    );
  });
});

function compare(left: readonly number[], right: readonly number[]): number {
  return (left[0] ?? 0) - (right[0] ?? 0) || (left[1] ?? 0) - (right[1] ?? 0);
}
