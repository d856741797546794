/** What an instance is made of, and who is told what it does. */
import type { Clock } from '#common';
import type { LogHeader, PublishHeader, StateHeader } from '#frames';
import type { MetricSample } from '#sdk';
import type { Call } from '../call.ts';
import type { StateAnswer } from '../records/state-store.ts';
import type { BodyFiles } from './body-files.ts';

/** `Instance` is the instance itself, which this file does not know. */
export interface InstanceEvents<Instance> {
  readonly onReady: (instance: Instance) => void;
  /** The code cache that it was given is of no use. */
  readonly onCodeCacheRejected?: () => void;
  /** A call has ended: there is room. */
  readonly onRoom: (instance: Instance) => void;
  /** `unstarted` had been handed over but never ran; they belong to another instance now. */
  readonly onEnded: (instance: Instance, reason: string, unstarted: Call[]) => void;
  readonly onLog: (instance: Instance, line: LogHeader, text: string) => void;
  /** ctx.publish(): `done` is told an empty text once the stream has stored it, else why not. */
  readonly onPublish: (publish: PublishHeader, data: Uint8Array, done: (error: string) => void) => void;
  /** What `ctx.metrics` was given since the last time. */
  readonly onMetrics: (samples: readonly MetricSample[]) => void;
  /** ctx.state: one operation on one key. Never rejects: an error is an answer. */
  readonly onState: (state: StateHeader, value: Uint8Array) => Promise<StateAnswer>;
}

export interface InstanceOptions<Instance> {
  readonly id: string;
  /** Calls that it works on at once: those of one batch count each. */
  readonly concurrency: number;
  /** Path of its private folder. */
  readonly scratch: string;
  readonly memoryBytes: number;
  readonly clock: Clock;
  readonly events: InstanceEvents<Instance>;
  /** Absent where large bodies go through the socket, too. */
  readonly bodies?: BodyFiles | undefined;
  readonly pid: () => number;
  /** Ends the process group. */
  readonly kill: (signal: 'SIGTERM' | 'SIGKILL') => void;
}
