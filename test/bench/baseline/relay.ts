/** Listens on a Unix socket and passes what comes on to another one, or back where there is none: a process on the way of a call that does nothing. */
import { connect, createServer } from 'node:net';

const [path = '', next] = process.argv.slice(2);
const server = createServer((from) => {
  const to = next === undefined ? from : connect(next);
  from.on('data', (bytes) => to.write(bytes));
  if (to !== from) to.on('data', (bytes) => from.write(bytes));
});
server.listen(path, () => process.send?.('listening'));
process.on('disconnect', () => process.exit(0));
