// Step 5: the bundles in dist/.
import { build, isBuilt } from '../build.mjs';

export const buildStep = {
  name: 'build',
  does: 'bundling the processes into dist/',
  isFresh: isBuilt,
  run: () => build(),
};
