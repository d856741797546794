/** Everything that is fuzzed, one file each. */
import type { FuzzTarget } from '../fuzz.ts';
import { frames } from './frames.ts';
import { hdf5 } from './hdf5.ts';
import { instance } from './instance.ts';
import { manifest } from './manifest.ts';
import { wasm } from './wasm.ts';

export const targets: readonly FuzzTarget[] = [frames, instance, manifest, wasm, hdf5];
