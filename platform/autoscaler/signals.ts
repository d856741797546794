/** What is known of one function when its instances are counted. What is not known is undefined, never a guess. */

export interface ScaleSnapshot {
  /** Monotonic milliseconds. */
  readonly now: number;
  /** Events not yet done; undefined when the broker did not say. */
  readonly lag: { readonly pending: number; readonly ackPending: number } | undefined;
  /** Events and calls that have come so far, counted from anywhere; undefined when the broker did not say. */
  readonly arrived: number | undefined;
  /** Calls that have ended so far, counted from anywhere. */
  readonly ended: number;
  /** Gathers still collecting parts: each will be an event (G12). */
  readonly openKeys: number;
  /** Open keys are work already: events in line (order), or calls that follow their parts. Others are work to come, and give way to what is there. */
  readonly openKeysAreWork?: boolean;
  /** Events and calls inside agents. */
  readonly inFlight: number;
  /** Smoothed time of a call; undefined before the first one. */
  readonly serviceMs: number | undefined;
  readonly concurrency: number;
  /** How many events the manifest lets nodes hold at once; undefined where it does not say. */
  readonly limit?: InFlightLimit | undefined;
  /** Instances that take calls now. */
  readonly ready: number;
  /** Why an instance could not start, where none is ready; empty otherwise. */
  readonly startError: string;
  /** Wanted until now. */
  readonly current: number;
  /** The nodes that run it; undefined where none does, or none says. */
  readonly nodes?: NodeUse | undefined;
  /** Functions that this one's results trigger. */
  readonly downstream: readonly Downstream[];
}

/** A bound of the manifest, and for how many nodes. */
export interface InFlightLimit {
  /** Events at once on one node. */
  readonly events: number;
  /** Nodes that the pilot has, or may still get. */
  readonly nodes: number;
}

/** Shares of nodes that are in use, 0 to 1, whoever uses them. */
export interface NodeUse {
  readonly cpu: number;
  readonly memory: number;
}

/** From here on a node is busy: said in the reason, and passed over by placement where another one is not. */
export const busyNodeUse = 0.9;

/** A function further down, as the last round saw it. */
export interface Downstream {
  readonly name: string;
  /** Time in which its instances would be done with what waits for it; undefined when unknown. */
  readonly drainMs: number | undefined;
  readonly drainTargetMs: number;
  /** It has all the instances that it may have, or that fit. */
  readonly atLimit: boolean;
}

export interface ScalePolicy {
  readonly min: number;
  readonly max: number;
  /** Who set them, where it was not the manifest: "the schedule", "`scale set`". */
  readonly boundsBy?: string | undefined;
  readonly drainTargetMs: number;
  /** Scale-in goes no lower than the largest recommendation of this long. */
  readonly cooldownMs: number;
  /** Neither stops nor starts instances, whatever the load. */
  readonly paused: { readonly in: boolean; readonly out: boolean };
  readonly tuning: ScaleTuning;
}

/** What the manifest does not say: found by the simulator (`npm run bench -- autoscaler`). */
export interface ScaleTuning {
  /** Share of the time that an instance should be busy. */
  readonly targetUse: number;
  /** A shorter window counts when its rate differs by this factor ... */
  readonly burstRatio: number;
  /** ... and by more than so many standard deviations of chance. */
  readonly burstSigmas: number;
  /** Within a second instances grow by this factor at most, or by `stepOutMin`. */
  readonly stepOut: number;
  readonly stepOutMin: number;
}

export const defaultTuning: ScaleTuning = {
  targetUse: 0.8,
  burstRatio: 1.5,
  burstSigmas: 3,
  stepOut: 4,
  stepOutMin: 4,
};
