/** A foreign function that forks and forks is ended; one that starts a process a core is not. */
import { expect, it } from 'vitest';
import { checkGroups, groupProcessesMax } from '../../platform/isolation/group-watch.ts';

it('`checkGroups()` ends those over the limit, and no others', () => {
  const ended: string[] = [];
  const instance = (pid: number) => ({
    pid,
    memoryBytes: 0,
    endFor: (reason: string) => ended.push(`${pid}: ${reason}`),
  });
  const sizes = new Map([
    [1, groupProcessesMax],
    [2, groupProcessesMax + 1],
  ]);
  checkGroups([instance(0), instance(1), instance(2), instance(3)], () => sizes);
  expect(ended).toEqual([`2: it ran ${groupProcessesMax + 1} processes; an instance may have ${groupProcessesMax}`]);
});

it('`checkGroups()` looks at nothing where no foreign function runs', () => {
  checkGroups([], () => expect.unreachable());
});
