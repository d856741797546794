/**
 * What a report says of each version, counted once when somebody first asks: rounds, the trust in nodes and whoever looks on
 * each ask several times about a report that stays the same for seconds, and a thousand nodes hold sixteen thousand instances.
 */
import type { ReportResponse } from '#proto';

export interface VersionSays {
  readonly function: string;
  /** Instances that take calls. */
  ready: number;
  /** Those, and the ones that are starting. */
  active: number;
  /** Those that are kept for the next call. */
  spare: number;
}

export interface NodeSays {
  /** By digest, whatever state its instances are in. */
  readonly versions: ReadonlyMap<string, VersionSays>;
  readonly active: number;
  /** It says what is wrong, or is still busy with what it had before. */
  readonly explains: boolean;
}

const nothing: NodeSays = { versions: new Map(), active: 0, explains: false };
const counted = new WeakMap<ReportResponse, NodeSays>();

export function whatSays(report: ReportResponse | undefined): NodeSays {
  if (!report) return nothing;
  const known = counted.get(report);
  if (known) return known;
  const says = count(report);
  counted.set(report, says);
  return says;
}

function count({ node, loads }: ReportResponse): NodeSays {
  const versions = new Map<string, VersionSays>();
  let active = 0;
  let explains = loads.some(({ startError }) => startError !== '');
  for (const { function: name, digest, state } of node?.instances ?? []) {
    let version = versions.get(digest);
    if (!version) {
      version = { function: name, ready: 0, active: 0, spare: 0 };
      versions.set(digest, version);
    }
    explains ||= state === 'draining' || state === 'stopped';
    if (state === 'spare') version.spare++;
    if (state !== 'ready' && state !== 'starting') continue;
    active++;
    version.active++;
    if (state === 'ready') version.ready++;
  }
  return { versions, active, explains };
}
