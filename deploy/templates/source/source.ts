// A source: turns a place (0, 1, 2, ...) into a message. `pilotfish source run` does the rest: rate, faults, producers, counting.
import type { Source } from 'pilotfish/source';

export default {
  about: 'readings of a thermometer',
  settings: {
    sensor: { about: 'a token of the subject', default: 'a' },
    mean: { about: 'degrees Celsius', default: 20 },
  },
  open: ({ sensor, mean }) => ({
    // The same place gives the same message: several producers share a run, and a message sent again is the same.
    message: (index) => ({
      subject: `__NAME__.${sensor}`,
      data: JSON.stringify({ celsius: Number(mean) + Math.sin(index / 10) }),
    }),
  }),
} satisfies Source;
