/** What a handler hears through `ctx.signal`, and what becomes of calls that end because of it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, HostNode } from '../harness/host-node.ts';

let node: HostNode;

beforeAll(async () => {
  node = await HostNode.start();
}, 30_000);

afterAll(() => node.close());

/** Handlers wait for the signal, then return or throw as their event says. */
const waits = `module.exports = {
  async handle(event, ctx) {
    await new Promise((done) => ctx.signal.addEventListener('abort', done));
    if (event.text() === 'throw') throw ctx.signal.reason;
    return 'put away';
  },
};`;

describe('ctx.signal', () => {
  it('aborts when the node has to be left: what ends in time counts, what fails is lost without an attempt', async () => {
    const one = await node.add('waits', 'typescript', Buffer.from(waits));
    const instances = await Promise.all([node.load(node.fork(), one), node.load(node.fork(), one)]);
    const outcomes = ['return', 'throw'].map((word, at) => {
      const instance = instances[at];
      if (!instance) throw new Error('no instance');
      const outcome = call(instance, Buffer.from(word));
      instance.drain();
      instance.interrupt();
      return outcome;
    });
    const [returned, thrown] = await Promise.all(outcomes);
    expect(returned).toMatchObject({ kind: 'result', body: expect.toSatisfy((body) => `${body}` === 'put away') });
    expect(thrown).toMatchObject({ kind: 'lost', ended: true });
  }, 30_000);
});
