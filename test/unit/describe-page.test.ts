/** `pilotfish describe` as a page: what it says of permissions on nodes that can hold them, and on those that cannot. */
import { describe, expect, it } from 'vitest';
import { Trigger } from '#proto';
import { describePage, describeRecord, type FunctionFacts } from '../../platform/cli/functions/describe-page.ts';

const nowMs = 1_000_000;

function nodeWith(id: string, enforced: readonly string[]) {
  return { id, isolation: { tier: 'limits', enforced: [...enforced], notEnforced: [] } };
}

function factsOf(spec: object, nodes: readonly object[] = []): FunctionFacts {
  const latest = {
    number: 2,
    digest: 'abcdef0123456789',
    artifactBytes: 2_048,
    createdAtMs: nowMs - 60_000,
    spec: {
      kind: 'typescript',
      triggers: [],
      output: '',
      timeoutMs: 30_000,
      concurrency: 1,
      secrets: [],
      configJson: '',
      resources: { cpu: 1, memoryBytes: 2 ** 28 },
      ...spec,
    },
  };
  const summary = {
    latest,
    aliases: { latest: 2 },
    instancesReady: 1,
    instancesWanted: 1,
    lag: -1,
    handled: 3,
    failed: 1,
  };
  const errors = [
    {
      timeMs: nowMs - 5_000,
      node: 'n1',
      instance: 'i1',
      callId: 'c1',
      message: 'call failed: Error: no\n    at x.ts:1:2',
    },
  ];
  return {
    name: 'f',
    found: { summary: { ...summary, scaleReason: '' }, versions: [latest], instances: [] },
    triggers: latest.spec.triggers.map((trigger) => ({ trigger, lag: 0, url: '' })),
    nodes,
    errors,
    nowMs,
  } as unknown as FunctionFacts;
}

const rowsOf = (facts: FunctionFacts, title: string) =>
  describePage(facts).sections.find((section) => section.title === title)?.rows ?? [];
const permission = (facts: FunctionFacts, what: string) => rowsOf(facts, 'Permissions').find(([name]) => name === what);

describe('describePage()', () => {
  it('says what a trigger takes and where it begins, and what a node may hold of it', () => {
    const triggers = [
      Trigger.fromPartial({
        name: 'on0',
        subject: 't.*',
        filter: { subjects: ['t.1'], headers: [{ name: 'kind', values: ['dark', 'flat'] }, { name: 'by' }] },
        start: { at: { $case: 'sequence', sequence: 17 } },
        replaySpeed: 3,
      }),
      Trigger.fromPartial({ name: 'on1', subject: 'p.*', window: { key: '{1}', count: 4, countSlide: 2 } }),
      Trigger.fromPartial({ name: 'on2', subject: 'p.*', window: { timeMs: 2_000, timeSlideMs: 2_000 } }),
    ];
    const facts = factsOf({ triggers, limits: { inFlight: 2, memoryBytes: 2 ** 26 }, order: { key: '{1}' } });
    expect(rowsOf(facts, 'Triggers').map(([what]) => what)).toEqual([
      't.*, filter t.1 kind=dark|flat by=*, from 17, replay 3',
      'window p.* of 4 events every 2 by {1}',
      'window p.* of 2.0 s',
    ]);
    const limits = rowsOf(facts, 'Limits');
    expect(limits).toContainEqual(['a node', '2 events at once, 64 MiB of payloads']);
    expect(limits).toContainEqual(['a key', '{1}, its events one after the other']);
  });

  it('says how a trigger stands, and names none by the subjects of the platform', () => {
    const of = (own: object, state: object = {}) => {
      const trigger = Trigger.fromPartial({ name: 't', subject: 'pilotfish.internal', ...own });
      const summary = { trigger, lag: 0, url: '', ...state };
      return rowsOf({ ...factsOf({ output: 'out.{1}' }), triggers: [summary] } as never, 'Triggers')[0];
    };
    const cron = { cron: { schedule: '30 2 * * *', timezone: 'UTC' } };
    expect(of(cron)).toEqual(['cron 30 2 * * * UTC', '(t)', 'running', '-> out.{1}']);
    expect(of({ http: { path: '/hook' } }, { url: 'https://n1/hook' })?.at(-1)).toBe('-> out.{1}  https://n1/hook');
    expect(of({ files: { directory: '/in', match: '*.h5' } })?.[0]).toBe('files /in/*.h5');
    expect(of({ subject: 's.*' }, { lag: 1_200 })?.[2]).toBe('running, 1,200 waiting');
    expect(of({ subject: 's.*' }, { paused: true, pausedAtMs: nowMs - 60_000, lag: -1 })?.[2]).toBe(
      'paused 60s, lag unknown',
    );
  });

  it('says what is closed, and where that is not enforced', () => {
    const here = factsOf({}, [nodeWith('n1', [])]);
    expect(permission(here, 'network')).toEqual(['network', 'closed', 'not enforced here']);
    const some = factsOf({}, [nodeWith('n1', ['network']), nodeWith('n2', [])]);
    expect(permission(some, 'network')).toEqual(['network', 'closed', 'not enforced on n2']);
    const all = factsOf({}, [nodeWith('n1', ['network'])]);
    expect(permission(all, 'network')).toEqual(['network', 'closed', 'enforced']);
  });

  it('says what the manifest grants', () => {
    const granted = factsOf({ permissions: { net: true, read: ['/data'], write: ['/out'], env: ['HOME'] } });
    expect(permission(granted, 'network')?.[1]).toBe('open, as the manifest grants');
    expect(permission(granted, 'files')?.[1]).toBe('reads its bundle and scratch, /data; writes its scratch, /out');
    expect(permission(granted, 'environment')?.[1]).toBe('HOME');
  });

  it('says of a canary that is one no more why that is', () => {
    const facts = factsOf({});
    const ended = 'withdrawn: 30 of 60 calls failed';
    Object.assign(facts.found.summary ?? {}, { canary: { number: 2, percent: 10, ended } });
    expect(rowsOf(facts, 'Versions')).toEqual([
      ['2', 'abcdef012345', expect.any(String), `latest, was canary: ${ended}`],
    ]);
  });

  it('says of a script what reaches past the permission model of Node', () => {
    const limits = factsOf({ kind: 'typescript' }, [nodeWith('n1', ['files'])]);
    expect(permission(limits, 'files')?.[2]).toBe('enforced');
    expect(permission(limits, 'node:sqlite')?.[2]).toBe('not enforced here');
    expect(permission(factsOf({ kind: 'wasm' }), 'node:sqlite')).toBeUndefined();
  });

  it('tells a foreign process apart: what holds it is something else', () => {
    const foreign = factsOf({ kind: 'process' }, [nodeWith('n1', ['files'])]);
    expect(permission(foreign, 'files')?.[2]).toBe('not enforced here');
    expect(permission(foreign, 'processes')?.[1]).toContain('end with it');
  });

  it('shows of an error its first line, and how old it is', () => {
    expect(rowsOf(factsOf({}), 'Errors of the last hour')).toEqual([['5s ago', 'n1/i1', 'call failed: Error: no']]);
  });

  it('has the same for machines, node by node', () => {
    const record = describeRecord(factsOf({}, [nodeWith('n1', ['network']), nodeWith('n2', [])]));
    expect(record).toMatchObject({
      permissions: expect.arrayContaining([
        { what: 'network', says: 'closed', enforcedOn: ['n1'], notEnforcedOn: ['n2'] },
      ]),
      errors: [{ node: 'n1', message: expect.stringContaining('at x.ts:1:2') }],
    });
  });
});
