/** What gathers and windows have in common for the agent that reads for them. */
import type { Trigger } from '#proto';
import { GatherFold, type StreamFold } from './gather/gather-fold.ts';
import { compileGather, type GatherRules } from './gather/gather-rules.ts';
import { compileWindow, WindowFold } from './window/index.ts';

export interface CollectRules extends Pick<GatherRules, 'pattern' | 'gapMs' | 'onIncomplete' | 'streaming'> {
  /** `streamBytesMax`: what the stream may hold. */
  createFold(streamBytesMax: number): StreamFold;
}

/** Throws `invalid` for a trigger that cannot be read for. */
export function compileCollect(trigger: Trigger): CollectRules {
  if (trigger.gather) {
    const rules = compileGather(trigger);
    return { ...rules, createFold: (bytes) => new GatherFold(rules, bytes) };
  }
  const rules = compileWindow(trigger);
  const { pattern } = rules;
  const createFold = (bytes: number) => new WindowFold(rules, bytes);
  return { pattern, gapMs: 0, onIncomplete: 'run', streaming: false, createFold };
}
