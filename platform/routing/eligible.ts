/** Whether a node is of the kind that a function asks for, whatever room it has: for those that start the first instance themselves. */
import type { FunctionSpec } from '#proto';

/** What a node is known to have. */
export interface NodeKind {
  readonly gpus?: number | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

export function mayRunOn(spec: FunctionSpec | undefined, { gpus = 0, labels = {} }: NodeKind): boolean {
  const wanted = Object.entries(spec?.placement?.labels ?? {});
  return gpus >= (spec?.resources?.gpus ?? 0) && wanted.every(([name, value]) => labels[name] === value);
}
