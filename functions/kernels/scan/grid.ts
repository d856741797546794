// The pixels of a picture.
import { InputError } from './errors.ts';

export interface GridShape {
  readonly rows: number;
  readonly columns: number;
}

/** As for detector columns. */
const sideMax = 16_384;

export function assertGrid(grid: GridShape): GridShape {
  for (const [name, side] of Object.entries({ rows: grid.rows, columns: grid.columns })) {
    if (Number.isInteger(side) && side >= 1 && side <= sideMax) continue;
    throw new InputError('option', `grid has ${side} ${name}; give a whole number from 1 to ${sideMax}.`);
  }
  return grid;
}
