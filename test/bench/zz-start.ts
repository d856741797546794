import { benchStart } from './runtime/start.ts';
for (const r of await benchStart(6)) console.log(r.name, r.ratio.toFixed(2));
