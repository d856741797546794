/** What a simulated pilot is made of, what happens in it, and what a run tells. */
import type { Policy } from './policy.ts';
import type { SimFunction } from './traces.ts';

export interface RunResult {
  readonly events: number;
  readonly misses: number;
  readonly instanceSeconds: number;
  /** What one who knew every arrival, with instances that start at once, would have used. */
  readonly optimumSeconds: number;
  /** Seconds until no event missed its objective any more; the longest of the disturbances. */
  readonly recoverSeconds: number;
  /** Most instances against the most that the arrivals kept busy, less one. */
  readonly overshoot: number;
  /** Each second: what arrived, instances, waiting events. */
  readonly series: readonly { readonly rate: number; readonly instances: number; readonly waiting: number }[];
  /** Busy instances that were ended: never any. */
  readonly stoppedBusy: number;
}

export interface Event {
  readonly arrivedAt: number;
  readonly serviceMs: number;
}

export interface Instance {
  readonly node: string;
  phase: 'starting' | 'idle' | 'busy' | 'gone';
  draining: boolean;
  readonly since: number;
  event: Event | undefined;
}

export interface Running {
  readonly of: SimFunction;
  readonly policy: Policy;
  readonly instances: Set<Instance>;
  readonly idle: Instance[];
  queue: Event[];
  head: number;
  arrived: number;
  ended: number;
  serviceMs: number | undefined;
  wanted: ReadonlyMap<string, number>;
}

export type Happening =
  | { readonly kind: 'arrival'; readonly running: Running }
  | { readonly kind: 'ready' | 'done'; readonly running: Running; readonly instance: Instance }
  | { readonly kind: 'back'; readonly running: Running; readonly event: Event }
  | { readonly kind: 'round' }
  | { readonly kind: 'lost' | 'loss-seen'; readonly node: string }
  | { readonly kind: 'joined'; readonly job: string };
