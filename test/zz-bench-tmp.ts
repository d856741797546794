import { BareBroker } from './harness/bare-broker.ts';
import { jetstreamManager } from '@nats-io/jetstream';
import { EventPublisher, EventPuller, encodeHeaders, ensureConsumer, eventSubject, gatherSubject, messageIdHeader, consumerName, streams, type PulledEvent } from '#broker';
import { systemClock } from '#common';
import { Gatherers } from '../platform/agent/gather/gatherers.ts';
import { fetchGathered } from '../platform/agent/gather/spool.ts';
import { FunctionVersion, WantedFunction } from '#proto';
import { createLogger } from '#telemetry';
import { rmSync } from 'node:fs';
const logger = createLogger({ pilot: 't', node: 't', process: 't' }, 'warn');
await using broker = await BareBroker.start(8 * 2 ** 30);
const src = await broker.member('gateway', 'src');
async function pub(list: Iterable<[string, string, string|undefined, Uint8Array]>) {
  const publisher = new EventPublisher({ connection: src.connection, inbox: src.inbox, clock: systemClock });
  let open = 0; let n = 0;
  for (const [subject, part, expect, payload] of list) {
    open++;
    const pairs: [string,string][] = [[messageIdHeader, `${subject}.${n++}`], ['Pilotfish-Part', part], ['Pilotfish-Shape','16x256'],['Pilotfish-Dtype','u16']];
    if (expect) pairs.push(['Pilotfish-Expect', expect]);
    publisher.publish(eventSubject(subject), payload, encodeHeaders(pairs), (e) => { open--; if (e) throw e; });
    while (open > (payload.length > 1e5 ? 20 : 4000)) await new Promise((r) => setImmediate(r));
  }
  while (open > 0) await new Promise((r) => setImmediate(r));
  publisher.close();
}
const keys = 16, per = 20_000;
function* small(): Generator<[string,string,string|undefined,Uint8Array]> { const p = new Uint8Array(64); for (let i = 0; i < per; i++) for (let k = 0; k < keys; k++) yield [`s.${k}.f`, `p:${i}`, undefined, p]; for (let k = 0; k < keys; k++) yield [`s.${k}.f`, 'end', `p=${per}`, p]; }
let t = performance.now();
await pub(small());
console.log('published', keys * per, 'in', performance.now() - t);
const a = await broker.member('agent', 'n1');
const publisher = new EventPublisher({ connection: a.connection, inbox: a.inbox, clock: systemClock });
const g = new Gatherers({ connection: a.connection, buckets: a.buckets, publisher, clock: systemClock, node: 'n1', logger });
const cpu0 = process.cpuUsage();
t = performance.now();
const want = (fn: string, subject: string) => WantedFunction.fromPartial({ pull: true, version: FunctionVersion.fromPartial({ function: fn, digest: fn, number: 1, spec: { name: fn, triggers: [{ name: 'on0', subject, gather: { key: '{1}', gapMs: 60000, timeoutMs: 600000, onIncomplete: 'run' } }] } }) });
g.follow([want('f', 's.*.f')]);
while ((g.counts('f', 'on0')?.parts ?? 0) < keys * per) await new Promise((r) => setTimeout(r, 5));
const ms = performance.now() - t; const cpu = process.cpuUsage(cpu0);
console.log('folded', keys * per, 'in ms', ms, 'parts/s', Math.round(keys * per / ms * 1000), 'us cpu a part', (cpu.user + cpu.system) / keys / per);
const mgr = await jetstreamManager(src.connection);
await g.close(); publisher.close();
