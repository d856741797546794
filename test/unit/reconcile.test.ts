import { describe, expect, it } from 'vitest';
import { pipelineDepth } from '../../platform/agent/instances/pipeline.ts';
import {
  type ReconcileInstance,
  type ReconcilePool,
  reconcile,
  slotsUsed,
} from '../../platform/agent/versions/reconcile.ts';
import { fc } from '../harness/properties.ts';

let nextId = 0;
const instances = fc.array(
  fc
    .record({ phase: fc.constantFrom('starting' as const, 'ready' as const, 'draining' as const), inFlight: fc.nat(5) })
    .map((part): ReconcileInstance => ({ id: `i${nextId++}`, ...part })),
  { maxLength: 6 },
);
const pools = fc.uniqueArray(
  fc.record({
    digest: fc.constantFrom('a', 'b', 'c'),
    wanted: fc.nat(6),
    cpu: fc.integer({ min: 1, max: 2 }),
    held: fc.boolean(),
    instances,
  }),
  { selector: (pool) => pool.digest },
);

function apply(pool: ReconcilePool, actions: ReturnType<typeof reconcile>): ReconcileInstance[] {
  const kept = pool.instances.filter((instance) => !actions.drain.includes(instance.id));
  const started = actions.start
    .filter((digest) => digest === pool.digest)
    .map((): ReconcileInstance => ({ id: `s${nextId++}`, phase: 'starting', inFlight: 0 }));
  return [...kept, ...started];
}

describe('reconcile()', () => {
  it('never starts past the slots, draining instances counted', () => {
    fc.assert(
      fc.property(pools, fc.integer({ min: 1, max: 12 }), (all, slots) => {
        const before = slotsUsed(all);
        const actions = reconcile(all, slots);
        const started = actions.start.reduce(
          (sum, digest) => sum + (all.find((pool) => pool.digest === digest)?.cpu ?? 0),
          0,
        );
        if (started > 0) expect(before + started).toBeLessThanOrEqual(slots);
      }),
    );
  });

  it('is at rest once its own actions are done', () => {
    fc.assert(
      fc.property(pools, (all) => {
        const first = reconcile(all, 1_000);
        const after = all.map((pool) => ({ ...pool, instances: apply(pool, first) }));
        expect(reconcile(after, 1_000)).toEqual({ start: [], drain: [] });
      }),
    );
  });

  it('R5: drains idle instances before busy ones', () => {
    const busy: ReconcileInstance = { id: 'busy', phase: 'ready', inFlight: 1 };
    const idle: ReconcileInstance = { id: 'idle', phase: 'ready', inFlight: 0 };
    expect(reconcile([{ digest: 'a', wanted: 1, cpu: 1, held: false, instances: [busy, idle] }], 4).drain).toEqual([
      'idle',
    ]);
  });
});

describe('pipelineDepth()', () => {
  it('hands a slow function no event ahead of time', () => {
    expect(pipelineDepth(800, 2)).toBe(2);
    expect(pipelineDepth(undefined, 1)).toBe(1);
  });

  it('keeps a fast one busy, within a bound', () => {
    expect(pipelineDepth(0.01, 1)).toBe(512);
    expect(pipelineDepth(4, 1)).toBe(11);
  });
});
