/** How many calls an instance may hold: enough to keep it busy, few enough that a slow one hoards nothing. Pure. */

/** Work an instance may have waiting inside it. Longer than a round trip to the broker, far shorter than a lease. */
const waitingWorkMs = 40;
/** Calls inside one instance at most; bounds its memory. */
const depthMax = 512;
/** Functions slower than this get no event ahead of time: another instance may be free sooner. */
const slowCallMs = 25;

/** `concurrency` counts each event of a batch; `serviceMs` is the smoothed time of a call, undefined before the first one ended. */
export function pipelineDepth(serviceMs: number | undefined, concurrency: number): number {
  if (serviceMs === undefined || serviceMs >= slowCallMs) return concurrency;
  const ahead = Math.ceil(waitingWorkMs / Math.max(serviceMs, waitingWorkMs / depthMax)) * concurrency;
  return Math.max(concurrency, Math.min(depthMax, concurrency + ahead));
}
