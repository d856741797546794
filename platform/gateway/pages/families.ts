/**
 * Everything that is measured, as families of metrics. Labels are names of nodes, functions and versions, whose numbers are
 * bounded; never a scan, an instance or a subject.
 */
import { platformVersion } from '#common';
import { durationBoundsMs } from '#model';
import type { FunctionSummary, Node, PilotJob } from '#proto';
import type { Registry } from '#registry';
import type { Family } from '../metrics/exposition.ts';
import type { UsageTotals, VersionTotals } from '../metrics/usage-totals.ts';

export interface Measured {
  readonly nodes: readonly Node[];
  readonly functions: readonly FunctionSummary[];
  readonly jobs: readonly PilotJob[];
  readonly registry: Pick<Registry, 'list'>;
  readonly usage: UsageTotals;
  readonly roundMs: number;
  readonly process: { readonly cpuSeconds: number; readonly residentBytes: number; readonly startedAtMs: number };
}

const durationBounds = durationBoundsMs.map((ms) => ms / 1_000);
const nodeStates = ['ready', 'draining', 'lost'];

export function families(measured: Measured): Family[] {
  return [...pilotFamilies(measured), ...functionFamilies(measured.functions), ...versionFamilies(measured)];
}

function pilotFamilies({ nodes, jobs, roundMs, process }: Measured): Family[] {
  const present = nodes.filter(({ state }) => state !== 'lost');
  const ofNode = (value: (node: Node) => number) =>
    present.map((node) => ({ labels: { node: node.id }, value: value(node) }));
  const one = (value: number) => [{ labels: {}, value }];
  const states = nodeStates.map((state) => ({
    labels: { state },
    value: nodes.filter((node) => node.state === state).length,
  }));
  const ends = jobs.filter(({ endsAtMs }) => endsAtMs > 0);
  return [
    gauge('pilotfish_build_info', 'Version of the gateway; always 1.', [
      { labels: { version: platformVersion }, value: 1 },
    ]),
    gauge('pilotfish_nodes', 'Nodes by state.', states),
    gauge(
      'pilotfish_node_slots',
      'Slots of a node.',
      ofNode(({ slots }) => slots),
    ),
    gauge(
      'pilotfish_node_slots_used',
      'Slots of a node that instances hold.',
      ofNode(({ slotsUsed }) => slotsUsed),
    ),
    gauge(
      'pilotfish_node_memory_bytes',
      'Memory of a node.',
      ofNode(({ memoryBytes }) => memoryBytes),
    ),
    gauge(
      'pilotfish_job_end_timestamp_seconds',
      'When the walltime of a scheduler job ends.',
      ends.map(({ block, endsAtMs }) => ({ labels: { block }, value: endsAtMs / 1_000 })),
    ),
    gauge('pilotfish_scaling_round_seconds', 'How long the last round of the autoscaler took.', one(roundMs / 1_000)),
    counter('process_cpu_seconds_total', 'CPU time of the gateway.', one(process.cpuSeconds)),
    gauge('process_resident_memory_bytes', 'Resident memory of the gateway.', one(process.residentBytes)),
    gauge('process_start_time_seconds', 'When the gateway began.', one(process.startedAtMs / 1_000)),
  ];
}

function functionFamilies(functions: readonly FunctionSummary[]): Family[] {
  const of = (value: (summary: FunctionSummary) => number) =>
    functions.map((summary) => ({ labels: { function: summary.name }, value: value(summary) }));
  const known = (value: (summary: FunctionSummary) => number) => of(value).filter((sample) => sample.value >= 0);
  return [
    // What is not known is left out: Prometheus then has no value, rather than a wrong one.
    gauge(
      'pilotfish_function_lag_events',
      'Events that wait for a function or are being handled.',
      known(({ lag }) => lag),
    ),
    gauge(
      'pilotfish_function_arrival_events_per_second',
      'Events and calls that come, as the autoscaler sees them.',
      known(({ metrics }) => metrics?.ratePerSecond ?? -1),
    ),
    gauge(
      'pilotfish_function_instances_wanted',
      'Instances that the autoscaler wants.',
      of((each) => each.instancesWanted),
    ),
    gauge(
      'pilotfish_function_instances_ready',
      'Instances that take work.',
      of((each) => each.instancesReady),
    ),
    gauge(
      'pilotfish_function_instances_limit',
      'The most instances it may have.',
      of(({ metrics }) => metrics?.max ?? 0),
    ),
    gauge(
      'pilotfish_function_in_flight_events',
      'Events and calls inside instances.',
      of(({ metrics }) => metrics?.inFlight ?? 0),
    ),
    gauge(
      'pilotfish_function_dead_letters',
      'Events that failed for good and are kept.',
      of(({ metrics }) => metrics?.deadLetters ?? 0),
    ),
  ];
}

function versionFamilies({ registry, usage }: Measured): Family[] {
  const known = registry.list().flatMap(({ name, versions }) =>
    versions.flatMap(({ number, digest }) => {
      const sum = usage.of(digest);
      return sum ? [{ labels: { function: name, version: number }, sum }] : [];
    }),
  );
  const of = (value: (sum: VersionTotals) => number) => known.map(({ labels, sum }) => ({ labels, value: value(sum) }));
  const outcomes = known.flatMap(({ labels, sum }) => [
    { labels: { ...labels, outcome: 'ok' }, value: sum.handled },
    { labels: { ...labels, outcome: 'failed' }, value: sum.failed },
  ]);
  return [
    counter('pilotfish_invocations_total', 'Events and calls that have ended, by outcome.', outcomes),
    {
      name: 'pilotfish_invocation_duration_seconds',
      kind: 'histogram',
      help: 'How long handlers took.',
      samples: known.map(({ labels, sum }) => ({
        labels,
        bounds: durationBounds,
        counts: sum.buckets,
        sum: sum.durationMs / 1_000,
      })),
    },
    counter(
      'pilotfish_instance_starts_total',
      'Instances that were started.',
      of((sum) => sum.started),
    ),
    counter(
      'pilotfish_instance_start_failures_total',
      'Starts that failed.',
      of((sum) => sum.startFailures),
    ),
    counter(
      'pilotfish_slot_seconds_total',
      'Slots times the seconds that instances held them.',
      of((sum) => sum.slotSeconds),
    ),
    counter(
      'pilotfish_busy_seconds_total',
      'Slots times the seconds that handlers ran.',
      of((sum) => sum.busySeconds),
    ),
  ];
}

function gauge(name: string, help: string, samples: Family['samples']): Family {
  return { name, kind: 'gauge', help, samples };
}

function counter(name: string, help: string, samples: Family['samples']): Family {
  return { name, kind: 'counter', help, samples };
}
