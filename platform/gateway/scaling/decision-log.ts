/** The last decisions of each function, and all that came after a given one, for those who watch. */
import type { ScaleDecision } from '#proto';

/** Stands where a function's name does, for decisions about the number of nodes; no function can be called so. */
export const nodesName = '(nodes)';

const decisionsMax = 100;
/** What still cannot be done is said again after this. */
const repeatMs = 60_000;
/** Of all functions together, for a watcher that looks again a moment later. */
const recentMax = 1_000;

export class DecisionLog {
  /** A name's decisions are no longer what they were. */
  onChange: (name: string) => void = () => undefined;
  readonly #byFunction = new Map<string, ScaleDecision[]>();
  readonly #recent: ScaleDecision[] = [];
  #count = 0;

  /** False for what was decided a moment ago and could not be done: a full pilot decides the same each round. */
  isNews({ function: name, from, to, timeMs }: ScaleDecision): boolean {
    const last = this.#byFunction.get(name)?.at(-1);
    return last?.from !== from || last.to !== to || timeMs - last.timeMs >= repeatMs;
  }

  add(decision: ScaleDecision): void {
    const own = this.#byFunction.get(decision.function) ?? [];
    own.push(decision);
    if (own.length > decisionsMax) own.shift();
    this.#byFunction.set(decision.function, own);
    this.#recent.push(decision);
    if (this.#recent.length > recentMax) this.#recent.shift();
    this.#count++;
    this.onChange(decision.function);
  }

  /** Oldest first. */
  of(name: string): readonly ScaleDecision[] {
    return this.#byFunction.get(name) ?? [];
  }

  /** What came after `seen` decisions, as far as it is kept, and how many there are now. */
  since(seen: number): { readonly decisions: readonly ScaleDecision[]; readonly seen: number } {
    const fresh = Math.min(this.#count - seen, this.#recent.length);
    return { decisions: fresh > 0 ? this.#recent.slice(-fresh) : [], seen: this.#count };
  }

  forget(name: string): void {
    if (this.#byFunction.delete(name)) this.onChange(name);
  }

  /** Of functions. */
  names(): Iterable<string> {
    return [...this.#byFunction.keys()].filter((name) => name !== nodesName);
  }
}
