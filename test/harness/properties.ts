/**
 * fast-check with one seed for the whole suite, so that a commit is judged by what it changed and not by a draw.
 * `PILOTFISH_PROPERTY_SEED=random npm test -- test/unit` searches further; a failure names its seed, which repeats it.
 */
import fc from 'fast-check';

const wanted = process.env['PILOTFISH_PROPERTY_SEED'] ?? '1';
if (wanted !== 'random') {
  const seed = Number(wanted);
  if (!Number.isInteger(seed)) throw new Error(`PILOTFISH_PROPERTY_SEED=${wanted}: give an integer, or "random"`);
  fc.configureGlobal({ seed });
}

export { fc };
