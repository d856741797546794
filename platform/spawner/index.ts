/** The spawner: a small process that forks instances, so that a large agent never blocks in fork (1-150 ms with its size). */
export { runSpawner } from './spawner.ts';
