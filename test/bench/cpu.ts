/** CPU time of a process and its children, from /proc. */
import { readdirSync, readFileSync } from 'node:fs';

/** Nanoseconds on a CPU so far, of `pid` and every process below it. Threads that have ended are not in it: none of ours come and go. */
export function cpuNanoseconds(pid: number): number {
  return [pid, ...descendants(pid)].reduce((sum, each) => sum + ownCpu(each), 0);
}

export function descendants(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = read(`/proc/${name}/stat`);
    if (stat !== '') parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
  }
  const below: number[] = [];
  const isBelow = (candidate: number): boolean => {
    for (let at = parents.get(candidate); at !== undefined && at > 1; at = parents.get(at)) if (at === pid) return true;
    return false;
  };
  for (const candidate of parents.keys()) if (isBelow(candidate)) below.push(candidate);
  return below;
}

/** schedstat counts in nanoseconds; utime and stime only in hundredths of a second. */
function ownCpu(pid: number): number {
  let sum = 0;
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`))
      sum += Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0] ?? 0);
  } catch {
    // The process has ended.
  }
  return sum;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
