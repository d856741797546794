// Random numbers by place: the same seed, place and purpose give the same number, whichever producer asks and in which order.

/** Uniform in [0, 1). */
export function randomAt(seed: number, place: number, purpose = 0): number {
  let mixed = (seed ^ Math.imul(purpose + 1, 0x9e3779b1)) >>> 0;
  // Places may exceed 32 bits in a long run: both halves count.
  mixed = scramble(mixed ^ (place >>> 0));
  mixed = scramble(mixed ^ (Math.floor(place / 2 ** 32) >>> 0));
  return mixed / 2 ** 32;
}

/** The finaliser of MurmurHash3 (Appleby): every bit of the input reaches every bit of the output. */
function scramble(value: number): number {
  let mixed = (value + 0x6d2b79f5) >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** Standard normal, by Box and Muller's transform. */
export function normalAt(seed: number, place: number, purpose = 0): number {
  const radius = Math.sqrt(-2 * Math.log(1 - randomAt(seed, place, 2 * purpose)));
  return radius * Math.cos(2 * Math.PI * randomAt(seed, place, 2 * purpose + 1));
}
