/**
 * What happened to the pilot, for those who look on: the last few hundred things. Changes that people made come out of
 * the audit log, what happened to nodes out of the journal, both also from before this gateway.
 */
import type { Clock } from '#common';
import type { Happening } from '#proto';
import type { Registry } from '#registry';
import type { AuditEntry, AuditLog } from '../access/index.ts';
import type { Journal } from './journal.ts';

/** A day of a busy pilot; deploys that a continuous build makes each minute push out the oldest. */
const happeningsMax = 500;
/** A gateway's start waits no longer for them. */
const earlierWaitMs = 2_000;

/** What a change is called in a timeline; methods that are not here change nothing that one sees. */
const words: Readonly<Record<string, readonly [kind: string, text: string]>> = {
  DeleteFunction: ['deploy', 'removed'],
  Rollback: ['deploy', 'rolled back'],
  Promote: ['deploy', 'canary promoted'],
  SetAlias: ['deploy', 'alias set'],
  SetScale: ['scale', 'scaling set by hand'],
  PauseTrigger: ['trigger', 'trigger paused or resumed'],
  DrainNode: ['node', 'drained'],
  RedriveDeadLetters: ['events', 'dead letters given back'],
  PurgeDeadLetters: ['events', 'dead letters deleted'],
  SetSecret: ['access', 'secret set'],
  DeleteSecret: ['access', 'secret deleted'],
  CreateToken: ['access', 'token made'],
  RevokeToken: ['access', 'token revoked'],
  RotateCertificates: ['access', 'certificates renewed'],
};

/** What people changed before this gateway began; an audit log that cannot be read now leaves some of it out. */
export async function tellEarlier(
  audit: Pick<AuditLog, 'read'>,
  registry: Pick<Registry, 'list'>,
  happenings: Happenings,
): Promise<void> {
  // A deployment names its function only inside its stream: the audit log does not know it.
  const deploys = registry
    .list()
    .flatMap(({ name, versions }) => versions.map((version) => deployment(name, version.number, version.createdAtMs)));
  const signal = AbortSignal.timeout(earlierWaitMs);
  const changes: Happening[] = [];
  try {
    for await (const entry of audit.read({ sinceMs: 0, fromSequence: 0, follow: false }, signal)) {
      const change = changeOf(entry);
      if (change) changes.push(change);
    }
  } catch {
    // What it would have told is left out.
  }
  happenings.begin([...deploys, ...changes]);
}

function deployment(functionName: string, number: number, timeMs: number): Happening {
  return { timeMs, kind: 'deploy', subject: functionName, text: `v${number} deployed`, level: 'info' };
}

/** Undefined for what changed nothing: refusals, failures, and methods that nobody sees the effect of. */
function changeOf({ what, about, who, outcome, timeMs }: AuditEntry): Happening | undefined {
  const known = Object.hasOwn(words, what) ? words[what] : undefined;
  if (!known || outcome !== 'ok') return undefined;
  const [kind, text] = known;
  return { timeMs, kind, subject: about, text: `${text} by ${who}`, level: 'info' };
}

export class Happenings {
  readonly #clock: Clock;
  readonly #journal: Pick<Journal, 'earlier' | 'add'>;
  #recent: Happening[] = [];
  #count = 0;

  constructor(clock: Clock, journal: Pick<Journal, 'earlier' | 'add'>) {
    this.#clock = clock;
    this.#journal = journal;
  }

  /** Puts before all that this gateway has seen what was before it. */
  begin(earlier: readonly Happening[]): void {
    const before = [...earlier, ...this.#journal.earlier].sort((a, b) => a.timeMs - b.timeMs);
    this.#recent = [...before, ...this.#recent].slice(-happeningsMax);
    this.#count += before.length;
  }

  add(kind: string, subject: string, text: string, level: 'info' | 'warn' = 'info'): void {
    const happening = { timeMs: this.#clock.now(), kind, subject, text, level };
    if (kind === 'node') this.#journal.add(happening);
    this.#push(happening);
  }

  addDeploy(functionName: string, text: string, timeMs: number): void {
    this.#push({ timeMs, kind: 'deploy', subject: functionName, text, level: 'info' });
  }

  /** An entry of the audit log, as it is written. */
  addAudit(entry: AuditEntry): void {
    const change = changeOf(entry);
    if (change) this.#push(change);
  }

  /** What came after the first `seen`, as far as it is kept, and how many there are now. */
  since(seen: number): { readonly happened: Happening[]; readonly seen: number } {
    const fresh = Math.min(this.#count - seen, this.#recent.length);
    return { happened: fresh > 0 ? this.#recent.slice(-fresh) : [], seen: this.#count };
  }

  #push(happening: Happening): void {
    this.#recent.push(happening);
    if (this.#recent.length > happeningsMax) this.#recent.shift();
    this.#count++;
  }
}
