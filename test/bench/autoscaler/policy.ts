/** What every policy is told of a function in each round, and what it answers: the same signals, at the same times. */

export interface PolicyView {
  /** Milliseconds. */
  readonly now: number;
  /** Waiting and running events. */
  readonly lag: number;
  readonly arrived: number;
  readonly ended: number;
  /** Smoothed, as agents measure it; undefined before the first call. */
  readonly serviceMs: number | undefined;
  readonly ready: number;
  /** Wanted until now. */
  readonly current: number;
  readonly max: number;
}

export interface PolicyAnswer {
  readonly wanted: number;
  /** Without what is only held from scale-in. */
  readonly needed: number;
}

/** One function's policy, with its own memory. */
export type Policy = (view: PolicyView) => PolicyAnswer;

export interface PolicyKind {
  readonly name: string;
  /** Each combination is tried on the training seeds. */
  readonly grid: Readonly<Record<string, readonly number[]>>;
  create(parameters: Readonly<Record<string, number>>): Policy;
}

/** All combinations of a grid. */
export function combinations(grid: PolicyKind['grid']): Record<string, number>[] {
  let all: Record<string, number>[] = [{}];
  for (const [name, values] of Object.entries(grid))
    all = all.flatMap((before) => values.map((value) => ({ ...before, [name]: value })));
  return all;
}
