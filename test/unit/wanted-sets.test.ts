/** What each node is told, and when it is told again. */
import { expect, it } from 'vitest';
import { systemClock } from '#common';
import { FunctionVersion, ReportResponse, TriggerState } from '#proto';
import type { TriggerStates } from '#registry';
import type { NodeLink } from '../../platform/gateway/nodes/node-link.ts';
import { reportEveryMsFor, WantedSets } from '../../platform/gateway/scaling/wanted-sets.ts';

function reportOf(node: string, running: number): ReportResponse {
  const instances = Array.from({ length: running }, (_, at) => ({
    id: `${at}`,
    function: 'f',
    digest: 'd',
    state: 'ready',
  }));
  return ReportResponse.fromPartial({ node: { id: node, state: 'ready', slots: 4, slotsUsed: running, instances } });
}

/** Two nodes, one of which is told how many instances of `f`; says who was told since the last look. */
function scene() {
  const told: string[] = [];
  const link = (node: string) => ({
    entry: { node, slots: 4, startedAt: 1 },
    report: reportOf(node, 0),
    apply: (_: number, functions: readonly { instances: number }[]) => {
      told.push(`${node} ${functions[0]?.instances}`);
    },
  });
  const links = { n1: link('n1'), n2: link('n2') };
  let nowMs = 0;
  const clock = { ...systemClock, monotonic: () => nowMs };
  const wait = (ms: number) => {
    nowMs += ms;
  };
  const states = { get: () => TriggerState.fromPartial({}) } as unknown as TriggerStates;
  const sets = new WantedSets(clock, states);
  let version = { id: 'f', version: FunctionVersion.fromPartial({ function: 'f', digest: 'd', spec: {} }), pull: true };
  const state = (placed: ReadonlyMap<string, number>) => {
    sets.state(Object.values(links) as unknown as NodeLink[], [version], new Map([['f', placed]]));
    return told.splice(0);
  };
  const deploy = (digest: string) => {
    version = { ...version, version: { ...version.version, digest } };
  };
  return { links, wait, state, deploy };
}

it('tells all nodes at first, then those for which something is different, whoever reports', () => {
  const { links, state } = scene();
  const placed = new Map([['n2', 1]]);
  expect(state(placed)).toEqual(['n1 0', 'n2 1']);
  expect(state(placed)).toEqual([]);
  links.n2.report = reportOf('n2', 1);
  expect(state(placed)).toEqual([]);
  expect(state(new Map([['n2', 2]]))).toEqual(['n2 2']);
  // Equal, in a map of its own: nobody is told.
  expect(state(new Map([['n2', 2]]))).toEqual([]);
});

it('tells all of them of a new version, and a node again whose agent has started anew', () => {
  const { links, state, deploy } = scene();
  const placed = new Map([['n2', 1]]);
  state(placed);
  deploy('e');
  expect(state(placed)).toEqual(['n1 0', 'n2 1']);
  links.n1 = { ...links.n1, entry: { ...links.n1.entry, startedAt: 2 } };
  expect(state(placed)).toEqual(['n1 0']);
});

it('asks for fewer reports of a larger pilot, and for other ones only a few times while its nodes join', () => {
  const asked = Array.from({ length: 2_000 }, (_, nodes) => reportEveryMsFor(nodes));
  expect(asked).toEqual(asked.toSorted((a, b) => a - b));
  expect([...new Set(asked)]).toEqual([500, 1_000, 2_000, 3_000]);
  expect(asked[100]).toBe(500);
});

it('tells a node each second that runs more than it should', () => {
  const { links, wait, state } = scene();
  const placed = new Map([['n2', 1]]);
  state(placed);
  links.n2.report = reportOf('n2', 3);
  const surplus = state(placed);
  wait(1_000);
  expect([...surplus, ...state(placed)]).toContain('n2 1');
  wait(1_000);
  expect(state(placed)).toEqual(['n2 1']);
  links.n2.report = reportOf('n2', 1);
  state(placed);
  wait(1_000);
  expect(state(placed)).toEqual([]);
});

it('wakes a sleeping function on a node that has what it asks for, or leaves that to the next round', () => {
  const activators = (labels: Record<string, string>) => {
    const told: boolean[] = [];
    const link = {
      entry: { node: 'n1', slots: 4, startedAt: 1, labels },
      report: reportOf('n1', 0),
      apply: (_: number, functions: readonly { activator: boolean }[]) => {
        told.push(functions[0]?.activator ?? false);
      },
    };
    const states = { get: () => TriggerState.fromPartial({}) } as unknown as TriggerStates;
    const spec = { placement: { labels: { rack: 'a' } } };
    const version = { id: 'f', version: FunctionVersion.fromPartial({ function: 'f', digest: 'd', spec }), pull: true };
    new WantedSets(systemClock, states).state([link] as unknown as NodeLink[], [version], new Map());
    return told;
  };
  expect(activators({ rack: 'a' })).toEqual([true]);
  expect(activators({ rack: 'b' })).toEqual([false]);
});
