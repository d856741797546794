/** Claims: what a reference may say, and a folder that is written by some, read by others, and killed in between. */
import { execFileSync } from 'node:child_process';
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Claim,
  ClaimFolder,
  checksumOf,
  claimHeader,
  claimOf,
  encodeClaim,
  parseShape,
  readClaim,
  readClaimFile,
} from '#claims';
import { fc } from '../harness/properties.ts';

const headersOf = (claim: Claim) => ({ [claimHeader]: encodeClaim(claim) });

describe('a reference', () => {
  it('is read back as it was written', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), fc.constantFrom('shared', 'stream', 'n17'), (data, place) => {
        const claim = claimOf(place, data);
        expect(readClaim(headersOf(claim))).toEqual(claim);
      }),
    );
  });

  it('that was written by anybody else names no path, whatever it says', () => {
    const word = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('..', '../..', '/etc/passwd', 'shared', '58', 'crc32:00000000', '%2e%2e', '\u0000'),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), (words) => {
        let claim: Claim | undefined;
        try {
          claim = readClaim({ [claimHeader]: words.join(' ') });
        } catch (error) {
          expect(error).toMatchObject({ code: 'corrupt' });
          return;
        }
        expect(claim?.name).toMatch(/^[a-z0-9]{24}$/);
        expect(claim?.place).toMatch(/^[a-z][a-z0-9-]*$/);
      }),
      { numRuns: 200 },
    );
  });

  it('is absent from an event that carries its payload', () => {
    expect(readClaim({ 'Pilotfish-Dtype': 'u16' })).toBeUndefined();
  });

  it('has a shape of sides, or none', () => {
    expect(parseShape('16,256')).toEqual([16, 256]);
    for (const odd of ['', 'a', '1,,2x', '-1', '1.5']) expect(parseShape(odd)).toEqual([]);
    expect(parseShape(undefined)).toEqual([]);
  });
});

const secretOf = (path: string) => join(path, '..', 'secret');

describe('a folder', () => {
  let root = '';
  const options = (bytesMax = 10 * 2 ** 20) => ({
    path: join(root, 'shared'),
    place: 'shared',
    token: 'secret',
    bytesMax,
  });
  const files = () => readdirSync(join(root, 'shared')).filter((name) => !name.startsWith('.'));
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'pilotfish-claims-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it("is found only by its token: one of the same path elsewhere is not the pilot's", async () => {
    expect(await ClaimFolder.find(options())).toBeUndefined();
    mkdirSync(join(root, 'shared'));
    expect(await ClaimFolder.find(options())).toBeUndefined();
    await ClaimFolder.create(options());
    expect(await ClaimFolder.find(options())).toBeDefined();
    expect(await ClaimFolder.find({ ...options(), token: 'other' })).toBeUndefined();
  });

  it('gives back what was written, whole and checked', async () => {
    const folder = await ClaimFolder.create(options());
    const data = Buffer.from('payload '.repeat(1_000));
    const claim = await folder.write(data);
    expect(await readClaimFile(folder.pathOf(claim.name), claim)).toEqual(data);
    await folder.remove(claim.name);
    await expect(readClaimFile(folder.pathOf(claim.name), claim)).rejects.toMatchObject({ code: 'not-found' });
    await folder.remove(claim.name);
  });

  it('tells of bytes that are not those which were claimed', async () => {
    const folder = await ClaimFolder.create(options());
    const claim = await folder.write(Buffer.from('payload'));
    for (const other of ['paylode', 'pay', ''])
      await expect(
        (async () => {
          writeFileSync(folder.pathOf(claim.name), other);
          return await readClaimFile(folder.pathOf(claim.name), claim);
        })(),
      ).rejects.toMatchObject({ code: 'corrupt' });
  });

  it('follows no link, and builds no path from what is no name', async () => {
    const folder = await ClaimFolder.create(options());
    const claim = claimOf('shared', Buffer.from('root'));
    writeFileSync(join(root, 'outside'), 'root');
    symlinkSync(join(root, 'outside'), folder.pathOf(claim.name));
    await expect(readClaimFile(folder.pathOf(claim.name), claim)).rejects.toMatchObject({ code: 'not-found' });
    for (const name of ['../outside', '', '.pilot', 'a'.repeat(23), `${'a'.repeat(24)}/..`])
      expect(() => folder.pathOf(name)).toThrow(expect.objectContaining({ code: 'corrupt' }));
  });

  it('takes over a file that was left beside it, as it is', async () => {
    const folder = await ClaimFolder.create(options());
    expect(await folder.takesFrom(root)).toBe(true);
    expect(await folder.takesFrom(join(root, 'nowhere'))).toBe(false);
    expect(readdirSync(root)).toEqual(['shared']);
    expect(files()).toEqual([]);
    const data = Buffer.from('payload '.repeat(1_000));
    const path = join(root, 'left-2');
    writeFileSync(path, data);
    const claim = await folder.adopt({ path, bytes: data.length, checksum: checksumOf(data) });
    expect(await readClaimFile(folder.pathOf(claim.name), claim)).toEqual(data);
    expect(readdirSync(root)).toEqual(['shared']);
    writeFileSync(path, data);
    const other = await folder.adopt({ path, bytes: data.length, checksum: checksumOf(Buffer.from('other')) });
    await expect(readClaimFile(folder.pathOf(other.name), other)).rejects.toMatchObject({ code: 'corrupt' });
  });

  it.each([
    { what: 'a link to what only the agent may read', plant: (path: string) => symlinkSync(secretOf(path), path) },
    { what: 'another name of such a file', plant: (path: string) => linkSync(secretOf(path), path) },
    { what: 'a pipe', plant: (path: string) => execFileSync('mkfifo', [path]) },
    { what: 'a folder with something in it', plant: (path: string) => mkdirSync(join(path, 'a'), { recursive: true }) },
    { what: 'a shorter file', plant: (path: string) => writeFileSync(path, 'sec') },
    { what: 'nothing', plant: () => undefined },
  ])('takes over no $what', async ({ plant }) => {
    const folder = await ClaimFolder.create(options());
    const path = join(root, 'left-2');
    writeFileSync(secretOf(path), 'secret');
    plant(path);
    await expect(folder.adopt({ path, bytes: 6, checksum: checksumOf(Buffer.from('secret')) })).rejects.toMatchObject({
      code: 'corrupt',
    });
    expect(files()).toEqual([]);
    expect(readFileSync(secretOf(path), 'utf8')).toBe('secret');
  });

  it('that is full refuses for now, and takes more once there is room', async () => {
    const folder = await ClaimFolder.create(options(1_000));
    const first = await folder.write(Buffer.alloc(600));
    await expect(folder.write(Buffer.alloc(600))).rejects.toMatchObject({ code: 'no-capacity', retryable: true });
    expect(files()).toEqual([first.name]);
    await folder.remove(first.name);
    await folder.write(Buffer.alloc(600));
  });

  it('is swept of what is over age, and of what a killed writer never finished', async () => {
    const folder = await ClaimFolder.create(options());
    const old = await folder.write(Buffer.from('old'));
    const young = await folder.write(Buffer.from('young'));
    const unfinished = `${claimOf('shared', Buffer.from('x')).name}.part`;
    writeFileSync(join(folder.path, unfinished), 'half');
    const hour = 3_600_000;
    const now = Date.now();
    utimesSync(folder.pathOf(old.name), (now - 3 * hour) / 1_000, (now - 3 * hour) / 1_000);
    utimesSync(join(folder.path, unfinished), (now - hour) / 1_000, (now - hour) / 1_000);
    expect(await folder.sweep(2 * hour, now)).toBe(2);
    expect(files()).toEqual([young.name]);
    expect(await ClaimFolder.find(options())).toBeDefined();
  });
});
