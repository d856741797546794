/** A gather trigger's manifest, compiled: the key of a subject, the subject of a key, counts and times. */
import { PlatformError } from '#common';
import { compileTemplate } from '#model';
import type { Trigger } from '#proto';

export interface GatherRules {
  /** Subjects, as users write them, whose events are parts. */
  readonly pattern: string;
  readonly keyOf: (subject: string) => string;
  /** The pattern with the key's wildcards filled in; those that are not part of the key stay. */
  readonly partsSubjectOf: (subject: string) => string;
  /** Expected distinct parts by kind; empty where the end marker carries them. */
  readonly counts: ReadonlyMap<string, number>;
  /** 0: never. */
  readonly gapMs: number;
  /** 0: never. */
  readonly timeoutMs: number;
  readonly onIncomplete: 'run' | 'dlq';
  /** An event is published when a key opens, too (G13). */
  readonly streaming: boolean;
}

/** Throws `invalid` for a key that does not name its parts' subject (G7). */
export function compileGather(trigger: Trigger): GatherRules {
  const { subject: pattern, gather } = trigger;
  if (!gather) throw new PlatformError('internal', `trigger "${trigger.name}" gathers nothing`);
  const used = placeholders(gather.key);
  // Two wildcards within one token: the keys of different subjects could be the same.
  if (used.length === 0 || gather.key.split('.').some((token) => placeholders(token).length > 1)) {
    throw new PlatformError('invalid', `the gather key "${gather.key}" does not tell its parts' subject`, {
      hint: 'A key is one or more wildcards of the subject joined by dots: "{1}" or "{1}.{2}".',
    });
  }
  return {
    pattern,
    keyOf: compileTemplate(gather.key, pattern),
    partsSubjectOf: compileTemplate(partsTemplate(pattern, new Set(used)), pattern),
    counts: new Map(Object.entries(gather.counts)),
    gapMs: gather.gapMs,
    timeoutMs: gather.timeoutMs,
    onIncomplete: gather.onIncomplete === 'run' ? 'run' : 'dlq',
    streaming: gather.streaming,
  };
}

function placeholders(template: string): number[] {
  return [...template.matchAll(/\{(\d+)\}/g)].map((match) => Number(match[1]));
}

/** "scan.*.rows.*" with {1} used: "scan.{1}.rows.*". */
function partsTemplate(pattern: string, used: ReadonlySet<number>): string {
  let number = 0;
  return pattern
    .split('.')
    .map((token) => {
      if (token !== '*' && token !== '>') return token;
      number++;
      return used.has(number) ? `{${number}}` : token;
    })
    .join('.');
}
