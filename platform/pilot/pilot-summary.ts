/** A pilot in a line: where it runs, and in what state. */

/**
 * `queued`: its first job waits. `starting`: all launchers live, no gateway yet. `broken`: some launchers are gone, or the
 * job with gateway and broker is. `stopped`: all are.
 */
export type PilotState = 'queued' | 'starting' | 'running' | 'broken' | 'stopped';

export interface PilotSummary {
  readonly pilot: string;
  readonly state: PilotState;
  readonly resource: string;
  readonly machine: string;
  readonly nodes: number;
  readonly nodesAlive: number;
  readonly slots: number;
  /** Milliseconds since 1970; 0 where the record is missing. */
  readonly createdAtMs: number;
  readonly directory: string;
}
