/**
 * Who gets the slots when not all fits. Three rounds, so that none starves: what is guaranteed (the manifest's `min`), one
 * instance of each function that has work, then the rest by weight, each next slot to whoever has least for its weight.
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
  let least = Number.POSITIVE_INFINITY;
  for (const share of shares) {
    const { demand, granted } = share;
    if (granted >= limitOf(demand) || demand.cpu > left) continue;
    const level = ((granted + 1) * demand.cpu) / demand.weight;
    if (level < least) {
      least = level;
      best = share;
    }
  }
  return best;
}
