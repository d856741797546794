/**
 * Baseline "textbook": the loop that the client library's documentation shows. `for await` over consume(), a window of
 * js.publish(), ack after its PubAck. Fixed: do not tune it. Reads its settings from argv[2] as JSON.
 */
import { jetstream } from '@nats-io/jetstream';
import { connect, headers, nkeyAuthenticator } from '@nats-io/transport-node';
import type { BaselineSettings } from './settings.ts';

/** Results on their way at once. */
const window = 256;

const settings = JSON.parse(process.argv[2] ?? '{}') as BaselineSettings;
const connection = await connect({
  servers: [...settings.servers],
  authenticator: nkeyAuthenticator(new TextEncoder().encode(settings.seed)),
  inboxPrefix: settings.inbox,
});
const js = jetstream(connection);
const consumer = await js.consumers.get('EVENTS', settings.consumer);
const messages = await consumer.consume({ max_messages: 500 });
process.stdout.write('ready\n');

const open = new Set<Promise<void>>();
for await (const message of messages) {
  const lines = headers();
  lines.set('Nats-Msg-Id', `${settings.consumer}.EVENTS.${message.seq}.0`);
  lines.set('Pilotfish-Version', 'echo:1:0123456789ab');
  const done = js
    .publish(`ev.echoed.${message.subject.split('.')[2]}`, message.data, { headers: lines })
    .then(() => message.ack());
  open.add(done);
  void done.finally(() => open.delete(done));
  if (open.size >= window) await Promise.race(open);
}
