/** The parts of a closed key as an instance gets them: one private file, bytes as they went in. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { describe, expect, it } from 'vitest';
import { consumerName, EventPuller, ensureConsumer, gatherSubject, type PulledEvent, streams } from '#broker';
import { systemClock } from '#common';
import type { GatheredPart } from '#frames';
import { fetchGathered } from '../../platform/agent/gather/spool.ts';
import { BareBroker } from '../harness/bare-broker.ts';
import { eventually } from '../harness/eventually.ts';
import { GatheringNode, publish, wanted } from '../harness/gathering-node.ts';
import { noClaims } from '../harness/no-claims.ts';
import { draftScan, interleave, payloadOf, seededRandom } from '../harness/scan-source.ts';

const expectedParts = (count: number) => ({ dark: 10, flat: 10, projection: count - 20 });

describe('fetchGathered()', () => {
  it('brings the parts into one private file, each index once, and fails when one is gone', async () => {
    await using broker = await BareBroker.start();
    await using node = await GatheringNode.start(broker, 'n1', [wanted('recon')]);
    const { connection, inbox } = node.member;
    const gateway = await broker.connect('gateway', 'g');
    const manager = await jetstreamManager(gateway);
    await ensureConsumer(manager, streams.gathers, consumerName('recon', 'on0'), gatherSubject('recon', 'on0', '>'));
    const pulled: PulledEvent[] = [];
    const puller = new EventPuller({
      connection,
      inbox,
      stream: streams.gathers,
      consumer: consumerName('recon', 'on0'),
      clock: systemClock,
      onEvent: (event) => void pulled.push(event),
    });
    puller.setCredit(10);
    await publish(
      broker,
      'recon',
      interleave([draftScan('a', 500, seededRandom(5)), draftScan('b', 500, seededRandom(6))], seededRandom(7)),
    );
    await eventually(() => pulled.length === 2, { timeoutMs: 10_000, what: 'two gather events' });
    const event = pulled.find(({ message }) => message.subject.endsWith('.a'))!;
    const root = mkdtempSync(join(tmpdir(), 'pilotfish-spool-'));
    const spoolDirectory = join(root, 'spool');
    try {
      const { header, remove } = await fetchGathered(event, { connection, inbox, spoolDirectory, claims: noClaims });
      expect(header).toMatchObject({ key: 'a', reason: 'complete', counts: expectedParts(500), missing: {} });
      expect(statSync(header.path).mode & 0o777).toBe(0o600);
      const bytes = readFileSync(header.path);
      const index = JSON.parse(bytes.subarray(0, header.indexBytes).toString('utf8')) as GatheredPart[];
      expect(index.map(({ kind, index: at }) => `${kind}:${at}`)).toEqual(
        Object.entries(expectedParts(500)).flatMap(([kind, count]) =>
          Array.from({ length: count }, (_, at) => `${kind}:${at}`),
        ),
      );
      for (const { kind, index: at, offset, length } of index) {
        expect(Buffer.compare(bytes.subarray(offset, offset + length), payloadOf(`a/${kind}:${at}`))).toBe(0);
      }
      remove();
      expect(existsSync(header.path)).toBe(false);
      await manager.streams.deleteMessage(streams.events, index[100]!.sequence);
      await expect(fetchGathered(event, { connection, inbox, spoolDirectory, claims: noClaims })).rejects.toMatchObject(
        {
          code: 'not-found',
          message: expect.stringContaining('part gone'),
        },
      );
    } finally {
      rmSync(root, { recursive: true, force: true });
      await puller.close();
    }
  });
});
