/** One side of the bench: what an agent does with events, without instances. Pull, publish with an id, ack after the PubAck. */
import {
  connectNats,
  EventPublisher,
  EventPuller,
  encodeHeaders,
  inboxPrefix,
  messageIdHeader,
  streams,
} from '#broker';
import { systemClock } from '#common';

export interface LineSettings {
  readonly servers: readonly string[];
  readonly seed: string;
  readonly tls?: { readonly ca: string; readonly serverName: string };
  readonly consumer: string;
  /** Events that are under way at a time. */
  readonly credit: number;
}

const settings = JSON.parse(process.argv[2] ?? '{}') as LineSettings;
const connection = await connectNats({ ...settings, role: 'agent', member: 'bench' });
const inbox = inboxPrefix('agent', 'bench');
const publisher = new EventPublisher({ connection, inbox, clock: systemClock });
let held = 0;
const puller: EventPuller = new EventPuller({
  connection,
  inbox,
  stream: streams.events,
  consumer: settings.consumer,
  clock: systemClock,
  onEvent: ({ message, streamSequence, ackSubject }) => {
    held++;
    const headers = encodeHeaders([[messageIdHeader, `${settings.consumer}.${streamSequence}`]]);
    publisher.publish('ev.out.bench', message.data, headers, (error) => {
      held--;
      if (error === undefined) connection.publish(ackSubject);
      puller.setCredit(settings.credit - held);
    });
  },
});
puller.setCredit(settings.credit);
setInterval(() => puller.checkLost(), 1_000);
process.stdout.write('ready\n');
