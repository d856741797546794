/** How durations, sizes and counts are written in a manifest. */
import { z } from 'zod';

const durationPattern = /^(\d+(\.\d+)?(ms|s|m|h|d))+$/;
const sizePattern = /^\d+(\.\d+)?\s*(B|KiB|MiB|GiB|kB|MB|GB)?$/;

export const duration = (what: string) =>
  z.string().regex(durationPattern, 'is no duration: write it like 250ms, 30s, 5m or 1h30m').describe(what);

export const size = (what: string) =>
  z.string().regex(sizePattern, 'is no size: write it like 64KiB, 512MiB or 2GiB').describe(what);

export const count = (what: string, min: number, max: number) => z.int().min(min).max(max).describe(what);
