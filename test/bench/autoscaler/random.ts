/** Random numbers that are the same for the same seed. */

export interface Random {
  /** From 0 to below 1. */
  next(): number;
  exponential(mean: number): number;
  /** Heavy-tailed: most are short, a few very long. `sigma` is that of the logarithm. */
  lognormal(mean: number, sigma: number): number;
}

export function createRandom(seed: number): Random {
  let state = seed | 0;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    exponential: (mean) => -Math.log(1 - next()) * mean,
    lognormal(mean, sigma) {
      const normal = Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
      return mean * Math.exp(sigma * normal - (sigma * sigma) / 2);
    },
  };
}
