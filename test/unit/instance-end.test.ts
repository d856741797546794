/** Whose fault an instance's end was: an event is given back for ours without being counted, for its own function's it is counted. */
import { expect, it } from 'vitest';
import { systemClock } from '#common';
import type { CallOutcome } from '../../platform/agent/call.ts';
import { Instance } from '../../platform/agent/instance.ts';

function endedBy(end: (instance: Instance) => void): CallOutcome | undefined {
  let outcome: CallOutcome | undefined;
  const instance: Instance = new Instance({
    id: 'i',
    concurrency: 1,
    memoryBytes: 2 ** 20,
    clock: systemClock,
    pid: () => 1,
    kill: () => instance.processEnded('it was ended by SIGKILL'),
    events: {
      onReady: () => undefined,
      onRoom: () => undefined,
      onEnded: () => undefined,
      onLog: () => undefined,
      onPublish: () => undefined,
      onState: async () => ({ revision: 0, error: '' }),
    },
  });
  const settle = (told: CallOutcome) => {
    outcome = told;
  };
  instance.run({ header: '{}', body: new Uint8Array(0), timeoutMs: 1_000, settle });
  end(instance);
  return outcome;
}

it('an instance ended for what its function did counts as one that ended by itself', () => {
  const tooMuch = 'it used 500 MiB of memory';
  expect(endedBy((instance) => instance.endFor(tooMuch))).toEqual({ kind: 'lost', reason: tooMuch, ended: false });
  expect(endedBy((instance) => instance.processEnded('it exited'))).toMatchObject({ ended: false });
  expect(endedBy((instance) => instance.end('its node is drained'))).toMatchObject({ ended: true });
});
