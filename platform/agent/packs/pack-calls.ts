/**
 * Runs the members of a pack: all of them in one call where the function takes batches, else each in a call of its own, a few at
 * a time. Tells what became of each, in the order of the pack.
 */
import type { PulledEvent } from '#broker';
import { type OutputHeader, type PackedResultHeader, resultForms } from '#frames';
import { decodePack, isPlainPack, type PackMember } from '#packs';
import type { CallOutcome, CallRun } from '../call.ts';
import type { FunctionPool } from '../instances/function-pool.ts';

export interface MemberOutcome {
  readonly outcome: CallOutcome;
  readonly run: CallRun;
}

/** A pack of results that may be stored as it is, or what became of each member. */
export type PackOutcome =
  | { readonly kind: 'plain'; readonly pack: Uint8Array }
  | { readonly kind: 'members'; readonly members: readonly MemberOutcome[] }
  /** The call as a whole came to nothing: whose fault that is can only be told member by member. */
  | { readonly kind: 'whole'; readonly outcome: CallOutcome; readonly run: CallRun };

export interface WholePack {
  readonly header: string;
  readonly body: Uint8Array;
  readonly members: number;
  readonly timeoutMs: number;
  readonly scan: string | undefined;
  /** Nothing has to be added to its results: where each is one output they are told as one pack. */
  readonly asItIs: boolean;
}

/** False when the pool has no room. */
export function callWhole(pool: FunctionPool, pack: WholePack, settle: (outcome: PackOutcome) => void): boolean {
  return pool.submit({
    header: pack.header,
    body: pack.body,
    packed: pack.members,
    timeoutMs: pack.timeoutMs,
    scan: pack.scan,
    settle: (outcome, run) => settle(readWhole(outcome, run, pack)),
  });
}

/** True for a function that is given batches: a pack is as many of them as it takes. */
export function takesPacks(pool: FunctionPool): boolean {
  const { spec } = pool.version;
  return spec?.kind === 'typescript' && spec.batch !== undefined;
}

function readWhole(outcome: CallOutcome, run: CallRun, { members, asItIs }: WholePack): PackOutcome {
  if (outcome.kind !== 'result' || outcome.form !== resultForms.packed) return { kind: 'whole', outcome, run };
  try {
    if (asItIs && isPlainPack(outcome.body, members)) return { kind: 'plain', pack: outcome.body };
    const told = decodePack(outcome.body).map((member) => ({ outcome: outcomeOf(member), run }));
    if (told.length === members) return { kind: 'members', members: told };
    return failed(run, `it answered for ${told.length} of ${members} events`);
  } catch (error) {
    return failed(run, error instanceof Error ? error.message : String(error));
  }
}

function failed(run: CallRun, message: string): PackOutcome {
  return { kind: 'whole', run, outcome: { kind: 'failed', error: { kind: 'failed', message, stack: '' } } };
}

function outcomeOf({ headers, payload }: PackMember): CallOutcome {
  if (headers === '') return { kind: 'result', form: resultForms.single, header: '', body: payload };
  const told = JSON.parse(headers) as PackedResultHeader;
  if ('error' in told) return { kind: 'failed', error: told.error };
  if ('none' in told) return { kind: 'result', form: resultForms.none, header: '', body: payload };
  const outputs: readonly OutputHeader[] = told.outputs;
  return { kind: 'result', form: resultForms.several, header: JSON.stringify(outputs), body: payload };
}

export interface MemberCalls {
  readonly pool: FunctionPool;
  readonly members: readonly PulledEvent[];
  /** Undefined for a member that the trigger's filter leaves out: it counts as done. */
  readonly headerOf: (member: PulledEvent) => string | undefined;
  readonly timeoutMs: number;
  readonly scan: string | undefined;
}

const leftOut: MemberOutcome = {
  outcome: { kind: 'result', form: resultForms.none, header: '', body: new Uint8Array(0) },
  run: { instance: '', ms: 0 },
};
const noRoom: MemberOutcome = {
  outcome: { kind: 'unstartable', reason: 'the queue is full' },
  run: { instance: '', ms: 0 },
};

/** Where none of them has run the pack may come again as it is; parted, each would wait by itself. */
function unstarted(told: readonly MemberOutcome[]): PackOutcome | undefined {
  const refused = told.find(({ outcome }) => outcome.kind === 'unstartable');
  const nothingRan = told.every((one) => one === leftOut || one.outcome.kind === 'unstartable');
  return refused && nothingRan ? { kind: 'whole', ...refused } : undefined;
}

/** As many at a time as the pool has room for, one at least. */
export function callEach(calls: MemberCalls, settle: (outcome: PackOutcome) => void): void {
  const { pool, members, headerOf, timeoutMs, scan } = calls;
  const told: MemberOutcome[] = [];
  let next = 0;
  let open = 0;
  let done = 0;
  let filling = false;
  const ended = (index: number, outcome: MemberOutcome) => {
    told[index] = outcome;
    open--;
    if (++done < members.length) fill();
    else settle(unstarted(told) ?? { kind: 'members', members: told });
  };
  const start = (index: number, member: PulledEvent) => {
    open++;
    const header = headerOf(member);
    if (header === undefined) return ended(index, leftOut);
    const body = member.message.data;
    const own = {
      header,
      body,
      timeoutMs,
      scan,
      settle: (outcome: CallOutcome, run: CallRun) => ended(index, { outcome, run }),
    };
    if (!pool.submit(own)) ended(index, noRoom);
  };
  // A call may settle before `submit` returns: a loop, not a recursion of 256.
  const fill = () => {
    if (filling) return;
    filling = true;
    while (next < members.length && (open === 0 || pool.inFlight < pool.capacity)) {
      const member = members[next];
      if (member) start(next, member);
      next++;
    }
    filling = false;
  };
  if (members.length === 0) settle({ kind: 'members', members: told });
  else fill();
}
