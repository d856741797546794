/** What `describe` says, out of what the gateway knows. Pure. */
import { formatBytes, formatCount, formatDuration } from '#common';
import type {
  FunctionSpec,
  FunctionSummary,
  FunctionVersion,
  GetFunctionResponse,
  Instance,
  LogsResponse,
  Node,
  TriggerSummary,
} from '#proto';
import { functionRecord, instanceRecord, versionRecord } from '../output/function-record.ts';
import { ageText, countText, type PageSection } from '../output/output.ts';
import { triggerRecord, triggerStateText, triggerText } from '../output/trigger-text.ts';
import { namesOf } from './versions.ts';

export interface FunctionFacts {
  readonly name: string;
  readonly found: GetFunctionResponse;
  readonly triggers: readonly TriggerSummary[];
  readonly nodes: readonly Node[];
  /** The oldest first. */
  readonly errors: readonly LogsResponse[];
  readonly nowMs: number;
}

/** One thing that holds a function, and on which nodes it does. */
interface Hold {
  readonly what: string;
  readonly says: string;
  /** What a node calls it in its isolation; absent for what holds on every node. */
  readonly claim?: string;
}

/** Versions that are shown; `versions` lists all. */
const versionsShownMax = 5;

/** Why it is the canary no more; whoever deployed it may not have been there. */
function wasCanary({ number }: FunctionVersion, summary: FunctionSummary | undefined): string[] {
  const canary = summary?.canary;
  return canary?.number === number && canary.ended !== '' ? [`was canary: ${canary.ended}`] : [];
}

export function describePage(facts: FunctionFacts): { title: string; sections: PageSection[] } {
  const { name, found, nowMs } = facts;
  const { summary, versions, instances } = found;
  const { latest } = summary ?? {};
  const spec = latest?.spec;
  const title = latest
    ? `${name}: version ${latest.number} (${latest.digest.slice(0, 12)}), ${spec?.kind}, ${formatBytes(latest.artifactBytes)}, deployed ${ageText(latest.createdAtMs, nowMs)} ago`
    : `${name}: no version`;
  return {
    title,
    sections: [
      { title: 'Triggers', rows: spec ? triggerRows(spec, facts) : [] },
      {
        title: 'Versions',
        rows: versions.slice(-versionsShownMax).map((version) => {
          const names = [...namesOf(version, summary), ...wasCanary(version, summary)].join(', ');
          return [
            `${version.number}`,
            version.digest.slice(0, 12),
            `${ageText(version.createdAtMs, nowMs)} old`,
            names,
          ];
        }),
      },
      { title: 'Limits', rows: spec ? limitRows(spec) : [] },
      { title: 'Permissions', rows: holdsOf(spec).map((hold) => [hold.what, hold.says, placeText(hold, facts.nodes)]) },
      { title: 'Load', rows: loadRows(found) },
      { title: 'Instances', rows: instances.map((instance) => instanceRow(instance, nowMs)) },
      { title: 'Errors of the last hour', rows: facts.errors.map((line) => errorRow(line, nowMs)) },
    ],
  };
}

export function describeRecord({ found, triggers, nodes, errors }: FunctionFacts): object {
  const { summary, versions, instances } = found;
  return {
    ...(summary ? functionRecord(summary) : {}),
    versions: versions.map(versionRecord),
    instances: instances.map(instanceRecord),
    triggers: triggers.map(triggerRecord),
    permissions: holdsOf(summary?.latest?.spec).map((hold) => ({
      what: hold.what,
      says: hold.says,
      enforcedOn: nodesThat(hold, nodes, true),
      notEnforcedOn: nodesThat(hold, nodes, false),
    })),
    errors: errors.map(({ timeMs, node, instance, callId, message }) => ({
      time: new Date(timeMs).toISOString(),
      node,
      instance,
      callId,
      message,
    })),
  };
}

function triggerRows({ output }: FunctionSpec, { triggers, nowMs }: FunctionFacts): string[][] {
  const arrow = output === '' ? '' : `-> ${output}`;
  if (triggers.length === 0) return [['none', 'it is only called', '', arrow]];
  return triggers.flatMap((summary) => {
    const { trigger, lag, url } = summary;
    if (!trigger) return [];
    const waiting = lag < 0 ? 'lag unknown' : lag === 0 ? '' : `${countText(lag)} waiting`;
    const state = [triggerStateText(summary, nowMs), waiting].filter(Boolean).join(', ');
    return [[triggerText(trigger), `(${trigger.name})`, state, [arrow, url].filter(Boolean).join('  ')]];
  });
}

function limitRows(spec: FunctionSpec): string[][] {
  const { timeoutMs, retry, concurrency, resources, scale, batch, limits, order } = spec;
  return [
    ['a call', `${formatDuration(timeoutMs)}, then SIGTERM and SIGKILL`],
    ['an event', `${formatCount(retry?.attempts ?? 1, 'attempt')}, then the dead letters`],
    [
      'an instance',
      `${formatCount(concurrency, 'call')} at once, ${formatCount(resources?.cpu ?? 1, 'slot')}, ${formatBytes(resources?.memoryBytes ?? 0)}`,
    ],
    ...(batch
      ? [['a batch', `${formatCount(batch.size, 'event')}, waiting ${formatDuration(batch.waitMs)} for others`]]
      : []),
    ...(limits?.inFlight
      ? [['a node', `${formatCount(limits.inFlight, 'event')} at once, ${formatBytes(limits.memoryBytes)} of payloads`]]
      : [['a node', `${formatBytes(limits?.memoryBytes ?? 0)} of payloads at once`]]),
    ...(order ? [['a key', `${order.key}, its events one after the other`]] : []),
    ['instances', `${scale?.min ?? 0} to ${scale?.max ?? 0}${spec.latency ? ', and a loaded one to spare' : ''}`],
  ];
}

function holdsOf(spec: FunctionSpec | undefined): Hold[] {
  const { net = false, read = [], write = [], env = [] } = spec?.permissions ?? {};
  const foreign = spec?.kind === 'process';
  const writes = ['its scratch', ...write].join(', ');
  const reads = ['its bundle and scratch', ...read].join(', ');
  return [
    net
      ? { what: 'network', says: 'open, as the manifest grants' }
      : { what: 'network', says: 'closed', claim: 'network' },
    foreign
      ? { what: 'files', says: `writes ${writes}; reads what you can read`, claim: 'foreign-files' }
      : { what: 'files', says: `reads ${reads}; writes ${writes}`, claim: 'files' },
    // Node's permission model does not reach it.
    ...(spec?.kind === 'typescript'
      ? [{ what: 'node:sqlite', says: `reads what you can read; writes ${writes}`, claim: 'foreign-files' }]
      : []),
    foreign
      ? { what: 'processes', says: 'may start others, which end with it' }
      : { what: 'processes', says: 'starts none', claim: 'files' },
    { what: 'signals', says: 'only to itself and what it started', claim: 'signals' },
    { what: 'memory', says: formatBytes(spec?.resources?.memoryBytes ?? 0), claim: 'memory' },
    { what: 'processors', says: `${spec?.resources?.cpu ?? 1} of its own`, claim: 'cpu' },
    { what: 'privileges', says: 'gains none', claim: 'privileges' },
    { what: 'environment', says: env.length === 0 ? 'empty' : env.join(', ') },
    ...(spec && spec.secrets.length > 0 ? [{ what: 'secrets', says: spec.secrets.join(', ') }] : []),
  ];
}

function nodesThat({ claim }: Hold, nodes: readonly Node[], enforce: boolean): string[] {
  if (claim === undefined) return enforce ? nodes.map(({ id }) => id) : [];
  return nodes.filter(({ isolation }) => isolation?.enforced.includes(claim) === enforce).map(({ id }) => id);
}

function placeText(hold: Hold, nodes: readonly Node[]): string {
  if (hold.claim === undefined) return '';
  const holds = nodesThat(hold, nodes, true);
  const lacks = nodesThat(hold, nodes, false);
  if (lacks.length === 0) return nodes.length === 0 ? 'unknown: no node reports' : 'enforced';
  return holds.length === 0 ? 'not enforced here' : `not enforced on ${lacks.join(', ')}`;
}

function loadRows({ summary }: GetFunctionResponse): string[][] {
  if (!summary) return [];
  const { instancesReady, instancesWanted, lag, handled, failed, scaleReason } = summary;
  return [
    ['ready', `${instancesReady} of ${instancesWanted} instances`],
    ['lag', lag < 0 ? 'unknown' : formatCount(lag, 'event')],
    ['handled', `${countText(handled)}, failed ${countText(failed)}`],
    ...(scaleReason === '' ? [] : [['scale', scaleReason]]),
  ];
}

function instanceRow({ id, node, state, busy, handled, pid, startedAtMs }: Instance, nowMs: number): string[] {
  return [id, node, state, `${busy} busy`, `${countText(handled)} handled`, `pid ${pid}`, ageText(startedAtMs, nowMs)];
}

/** Its first line: the stack is in the log. */
function errorRow({ timeMs, node, instance, message }: LogsResponse, nowMs: number): string[] {
  return [`${ageText(timeMs, nowMs)} ago`, `${node}/${instance}`, message.split('\n')[0] ?? ''];
}
