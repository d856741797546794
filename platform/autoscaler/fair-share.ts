/**
 * Who gets the slots when not all fits. Three rounds, so that none starves: what is guaranteed (the manifest's `min`), one
 * instance of each function that has work, in turn where there is not one for each, then the rest by weight, each next slot
 * to whoever has least for its weight.
 */

export interface ShareDemand {
  readonly id: string;
  readonly wanted: number;
  /** Of these, how many have work to do; the rest gives way when slots are short. */
  readonly needed: number;
  /** Slots of one instance. */
  readonly cpu: number;
  /** Its share against others': twice the weight, twice the slots. */
  readonly weight: number;
  /** Instances that it has whatever the others want. */
  readonly guaranteed: number;
  /** Whose turn it is for a first instance: lower goes first (`turns.ts`). */
  readonly turn?: number | undefined;
}

/** Demand id -> instances that it may have. */
export function shareSlots(slots: number, demands: readonly ShareDemand[]): Map<string, number> {
  const asked = demands.reduce((sum, { wanted, cpu }) => sum + wanted * cpu, 0);
  if (asked <= slots) return new Map(demands.map(({ id, wanted }) => [id, wanted]));
  const shares = demands.map((demand) => ({ demand, granted: 0 }));
  let left = slots;
  const limits: ((demand: ShareDemand) => number)[] = [
    ({ guaranteed, wanted }) => Math.min(guaranteed, wanted),
    ({ needed, guaranteed, wanted }) => Math.max(Math.min(guaranteed, wanted), Math.min(1, needed)),
    ({ needed, guaranteed, wanted }) => Math.max(Math.min(guaranteed, wanted), needed),
    ({ wanted }) => wanted,
  ];
  for (const limitOf of limits) {
    for (;;) {
      const next = poorest(shares, limitOf, left);
      if (!next) break;
      next.granted++;
      left -= next.demand.cpu;
    }
  }
  return new Map(shares.map(({ demand, granted }) => [demand.id, granted]));
}

interface Share {
  readonly demand: ShareDemand;
  granted: number;
}

function poorest(shares: readonly Share[], limitOf: (demand: ShareDemand) => number, left: number): Share | undefined {
  let best: Share | undefined;
  for (const share of shares) {
    const { demand, granted } = share;
    if (granted >= limitOf(demand) || demand.cpu > left) continue;
    if (!best || isBefore(share, best)) best = share;
  }
  return best;
}

function isBefore(one: Share, other: Share): boolean {
  const turns = turnOf(one) - turnOf(other);
  return turns < 0 || (turns === 0 && levelOf(one) < levelOf(other));
}

/** Only the first instance goes by turns. */
function turnOf({ demand, granted }: Share): number {
  return granted === 0 ? (demand.turn ?? 0) : 0;
}

/** With one slot more, for its weight. */
function levelOf({ demand, granted }: Share): number {
  return ((granted + 1) * demand.cpu) / demand.weight;
}
