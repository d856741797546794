/** `scale get`, `set`, `pause` and `explain`, answered. */
import { PlatformError } from '#common';
import type { GetNodeScaleResponse, GetScaleResponse, ScaleOverride, SetScaleRequest, SetScaleResponse } from '#proto';
import type { Registry, ScaleStore } from '#registry';
import type { NodeScaling } from './jobs/node-scaling.ts';
import type { Fleet } from './nodes/fleet.ts';
import type { ScalingLoop } from './scaling/scaling-loop.ts';

export interface ScaleServiceOptions {
  readonly registry: Registry;
  readonly scaling: ScalingLoop;
  readonly scales: ScaleStore;
}

/** As the manifest's bounds. */
const instancesMax = 10_000;

export function getScale(name: string, { registry, scaling, scales }: ScaleServiceOptions): GetScaleResponse {
  registry.get(name);
  const scale = scaling.scaleOf(name);
  const override = scales.get(name);
  if (!scale) {
    throw new PlatformError('unavailable', `no round has looked at "${name}" yet`, { hint: 'Ask again in a second.' });
  }
  const { decision, policy, load } = scale;
  return {
    name,
    wanted: scale.wanted,
    ready: load?.ready ?? 0,
    min: policy.min,
    max: policy.max,
    boundsBy: (policy.boundsBy ?? 'manifest').replace(/^the /, '').replaceAll('`', ''),
    weight: policy.weight,
    override,
    lag: scale.lag ?? -1,
    ratePerSecond: decision.rate?.perSecond ?? -1,
    rateMode: decision.rate?.mode ?? 'unknown',
    rateWindowMs: Math.round(decision.rate?.windowMs ?? 0),
    serviceMs: load?.serviceMs ?? 0,
    p99Ms: load?.p99Ms ?? 0,
    startMs: load?.startMs ?? 0,
    roundMs: scaling.roundMs,
    nodesCpuUsed: load?.nodes?.cpu ?? -1,
    nodesMemoryUsed: load?.nodes?.memory ?? -1,
    ...localOf(scaling.localOf(name)),
    concurrency: scale.concurrency,
    fit: decision.usl && { ...decision.usl, best: decision.usl.best ?? 0 },
    reason: scale.reason,
    decisions: [...scaling.decisions.of(name)],
  };
}

function localOf(local: ReadonlyMap<string, number> | undefined): { localNode: string; localShare: number } {
  let most = { localNode: '', localShare: 0 };
  for (const [localNode, localShare] of local ?? []) if (localShare > most.localShare) most = { localNode, localShare };
  return most;
}

/** `scaling` is left out where the nodes belong to no scheduler, or the user has set no `--max-nodes`. */
export function getNodeScale(fleet: Fleet, scaling: NodeScaling | undefined): GetNodeScaleResponse {
  if (scaling?.view) return scaling.view;
  const nodes = fleet.ready().length;
  const reason = scaling
    ? 'no round has looked at the nodes yet'
    : 'nobody asks for more nodes: `up --max-nodes` says how many there may be';
  const none = { waiting: 0, nodesMin: nodes, nodesMax: 0, nodeHours: 0, nodeHoursMax: 0, decisions: [] };
  return { ...none, nodes, reason };
}

export async function setScale(request: SetScaleRequest, options: ScaleServiceOptions): Promise<SetScaleResponse> {
  const { registry, scaling, scales } = options;
  const { spec } = registry.latest(request.name);
  const { override } = request;
  if (override) {
    checkOverride(override, spec?.scale ?? { min: 0, max: 1 });
    await scales.set(request.name, override);
  } else {
    await scales.reset(request.name);
  }
  scaling.hurry();
  return { override };
}

function checkOverride(override: ScaleOverride, manifest: { readonly min: number; readonly max: number }): void {
  const min = override.min ?? manifest.min;
  const max = override.max ?? manifest.max;
  if (min > max) {
    throw new PlatformError('usage', `at least ${min} and at most ${max} instances contradict each other`, {
      hint: `The manifest says ${manifest.min} to ${manifest.max}; set both bounds.`,
    });
  }
  if (max > instancesMax)
    throw new PlatformError('usage', `${max} instances are too many; the most is ${instancesMax}`);
  if (override.weight === 0) throw new PlatformError('usage', 'a weight is a whole number above 0');
}
