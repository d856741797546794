// Where `pilotfish/sdk` and `pilotfish/testing` are on this machine; a bundle brings its own copy.
export default {
  resolve: {
    alias: {
      'pilotfish/sdk': '__SDK__/index.ts',
      'pilotfish/testing': '__SDK__/testing/index.ts',
    },
  },
};
