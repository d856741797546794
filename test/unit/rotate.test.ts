/** New certificates in place of old ones: for everybody, in time, and without locking anybody out. */
import { X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadCertificates, writePrivate } from '#security';
import { renewInTime } from '../../platform/gateway/access/access-methods.ts';
import { NatsUsersFile } from '../../platform/gateway/access/nats-users-file.ts';
import { isEnding, rotateCertificates } from '../../platform/gateway/access/rotate.ts';

const begun = Date.UTC(2030, 0, 1);
const dayMs = 86_400_000;
const members = ['owner', 'gateway', 'agent-n1', 'broker-n1'];
const oldSeeds = { source: 'SUOLD1', viewer: 'SUOLD2' };

let folder = '';
let files: Parameters<typeof rotateCertificates>[0] & { users: string };
const text = (name: string) => readFileSync(join(folder, name), 'utf8');
const certOf = (member: string) => new X509Certificate(text(`keys/${member}.pem`));
const connection = () => JSON.parse(text('connection.json')) as { seeds: object; tls: { cert: string; key: string } };

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pilotfish-rotate-'));
  const keys = join(folder, 'keys');
  mkdirSync(keys, { mode: 0o700 });
  files = {
    keys,
    caCert: join(keys, 'ca.pem'),
    caKey: join(keys, 'ca.key'),
    connection: join(folder, 'connection.json'),
    users: join(keys, 'nats-users.json'),
  };
  const { CertificateAuthority } = await loadCertificates();
  const authority = await CertificateAuthority.create('p-test', begun);
  writePrivate(files.caCert, authority.cert);
  writePrivate(files.caKey, authority.key);
  for (const commonName of members) {
    const { cert, key } = await authority.issue({ commonName, usage: ['server', 'client'] }, begun);
    writePrivate(join(keys, `${commonName}.pem`), cert);
    writePrivate(join(keys, `${commonName}.key`), key);
  }
  for (const [role, seed] of Object.entries(oldSeeds)) writePrivate(join(keys, `${role}.seed`), seed);
  const open = {
    pilot: 'p-test',
    version: '0.1.0',
    gateway: { address: '127.0.0.1:1', others: [], serverName: 'g' },
    brokers: ['nats://127.0.0.1:2'],
    tls: { ca: authority.cert, cert: text('keys/owner.pem'), key: text('keys/owner.key') },
    seeds: oldSeeds,
    claims: { place: 'stream', directory: '', token: 'x', bytesMax: 1 },
  };
  writePrivate(files.connection, JSON.stringify(open));
  const keyOf = 'U'.padEnd(56, 'A');
  const users = { gateway: keyOf, agent: keyOf, source: keyOf, viewer: keyOf, system: keyOf, tokens: [] };
  writePrivate(files.users, JSON.stringify(users));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('a rotation', () => {
  it('renews everybody, and puts the new seeds where a gateway that comes back finds them', async () => {
    const before = members.map((member) => certOf(member).serialNumber);
    const seeds = { source: 'SUNEW1', viewer: 'SUNEW2' };
    const { expiresAtMs } = await rotateCertificates(files, begun + dayMs, seeds);
    expect(expiresAtMs).toBe(begun + 9 * dayMs);
    for (const [at, member] of members.entries()) {
      expect(certOf(member).serialNumber).not.toBe(before[at]);
      expect(certOf(member).subject).toBe(`CN=${member}`);
      expect(certOf(member).verify(new X509Certificate(text('keys/ca.pem')).publicKey)).toBe(true);
    }
    expect([text('keys/source.seed'), text('keys/viewer.seed')]).toEqual(['SUNEW1', 'SUNEW2']);
    expect(connection()).toMatchObject({ seeds, tls: { cert: text('keys/owner.pem'), key: text('keys/owner.key') } });
  });
});

describe('certificates that are about to end', () => {
  const renew = (nowMs: number, renewed = () => undefined) =>
    renewInTime({
      files,
      users: new NatsUsersFile(files.users),
      renew: renewed,
      clock: { now: () => nowMs } as never,
    });

  it('are renewed with days to spare, again and again, by an authority that lasts', async () => {
    const authority = new X509Certificate(text('keys/ca.pem'));
    let renewals = 0;
    for (let day = 0; day < 60; day++) {
      const nowMs = begun + day * dayMs;
      if (await renew(nowMs)) renewals++;
      for (const member of members) expect(certOf(member).validToDate.getTime() - nowMs).toBeGreaterThan(dayMs);
      expect(authority.validToDate.getTime()).toBeGreaterThan(nowMs);
    }
    expect(renewals).toBeGreaterThan(5);
    expect(renewals).toBeLessThan(12);
    expect(connection()).toMatchObject({ seeds: oldSeeds, tls: { cert: text('keys/owner.pem') } });
  }, 120_000);

  it('are told to the servers, and to the gateway itself', async () => {
    let told = 0;
    const before = readFileSync(files.users, 'utf8');
    expect(isEnding(files, begun + 5 * dayMs)).toBe(false);
    expect(await renew(begun + 5 * dayMs)).toBe(false);
    expect(await renew(begun + 7 * dayMs, () => void told++)).toBe(true);
    expect(told).toBe(1);
    expect(readFileSync(files.users, 'utf8')).toBe(before);
  });
});
