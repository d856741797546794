/**
 * Baseline "tuned": what the client library gives at its best, in one process. consume({ callback }), an own reply inbox
 * for publishes, PubAcks counted by reply token, ack after the PubAck. Fixed: do not tune it further.
 */
import { type JsMsg, jetstream } from '@nats-io/jetstream';
import { connect, headers, nkeyAuthenticator } from '@nats-io/transport-node';
import type { BaselineSettings } from './settings.ts';

const settings = JSON.parse(process.argv[2] ?? '{}') as BaselineSettings;
const connection = await connect({
  servers: [...settings.servers],
  authenticator: nkeyAuthenticator(new TextEncoder().encode(settings.seed)),
  inboxPrefix: settings.inbox,
  noAsyncTraces: true,
});
const inbox = `${settings.inbox}.tuned.`;
const open = new Map<string, JsMsg>();
let next = 1;
connection.subscribe(`${inbox}*`, {
  callback: (_, reply) => {
    const token = reply.subject.slice(inbox.length);
    const message = open.get(token);
    open.delete(token);
    if (reply.data[2] !== 0x65) message?.ack();
  },
});
const consumer = await jetstream(connection).consumers.get('EVENTS', settings.consumer);
await consumer.consume({
  max_messages: 500,
  callback: (message) => {
    const token = (next++).toString(36);
    open.set(token, message);
    const lines = headers();
    lines.set('Nats-Msg-Id', `${settings.consumer}.EVENTS.${message.seq}.0`);
    lines.set('Pilotfish-Version', 'echo:1:0123456789ab');
    connection.publish(`ev.echoed.${message.subject.split('.')[2]}`, message.data, {
      headers: lines,
      reply: inbox + token,
    });
  },
});
process.stdout.write('ready\n');
