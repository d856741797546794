/** How many calls one instance works on at a time. */

interface AtOnce {
  readonly concurrency: number;
  readonly batch?: { readonly size: number } | undefined;
}

/** Each event of a batch counts. */
export function callsAtOnce(spec: AtOnce | undefined): number {
  return (spec?.concurrency || 1) * (spec?.batch?.size || 1);
}
