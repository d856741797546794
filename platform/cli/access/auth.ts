/** `pilotfish auth ...`: tokens for colleagues and instruments, and new keys for everybody. */
import { generateKeyPairSync } from 'node:crypto';
import { Command } from 'commander';
import { isRole, roles, type StreamRole, streamRolesOf } from '#access';
import { formatDuration, PlatformError } from '#common';
import type { Connection } from '#model';
import type { Token } from '#proto';
import { type CommandFactory, type CommonOptions, durationMs, flag, newCommand, outputOf } from '../command.ts';
import { askPilot } from '../connection.ts';
import type { ListView } from '../output/output.ts';
import { placesFor } from './token-files.ts';

interface CreateFlags extends CommonOptions {
  readonly role?: string;
  readonly name?: string;
  readonly functions?: readonly string[];
  readonly subjects?: readonly string[];
  readonly ttl: number;
  readonly out?: string;
  readonly pem?: string;
}

const ttlDefault = '8h';
const roleNames = Object.keys(roles);

const tokenCreateCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'create',
    summary: 'make a connection file for a colleague or an instrument',
    examples: [
      "pilotfish auth token create --role invoke --functions 'recon-*' --ttl 8h --out colleague.json",
      "pilotfish auth token create --role publish --subjects 'scan.*.frame' --name 'beamline 7'",
      'pilotfish auth token create --role view --name prometheus --ttl 30d --out prometheus.json --pem prometheus',
      'pilotfish list --pilot colleague.json',
    ],
  })
    .addOption(flag('--role <role>', 'admin, deploy, invoke, publish or view').choices(roleNames))
    .addOption(flag('--name <text>', 'who it is for'))
    .addOption(flag('--functions <pattern...>', 'good for functions that match, such as recon-*; default all'))
    .addOption(flag('--subjects <pattern...>', 'may publish to subjects that match, such as scan.*.frame; default all'))
    .addOption(
      flag('--ttl <duration>', 'good for this long, 30 days at most')
        .argParser(durationMs)
        .default(durationMs(ttlDefault), ttlDefault),
    )
    .addOption(flag('--out <file>', 'where to write it; default is the id of the token, in this folder'))
    .addOption(flag('--pem <folder>', 'write ca.pem, cert.pem and key.pem besides, for curl, Prometheus and the like'))
    .action(async (flags: CreateFlags) => {
      const { role, functions = [] } = flags;
      if (role === undefined || !isRole(role)) {
        throw new PlatformError('usage', 'a token needs a role', { hint: `--role ${roleNames.join('|')}` });
      }
      // Before there is a token that nobody could write down.
      const places = await placesFor(flags);
      const { createNatsKey } = await import('#security');
      const opens = streamRolesOf({ role, functions });
      const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const natsKey = opens.length > 0 ? createNatsKey() : undefined;
      const made = await askPilot(context, flags.pilot, async (pilot, connection) => {
        const answer = await pilot.access.createToken({
          name: flags.name ?? '',
          role,
          functions: [...functions],
          subjects: [...(flags.subjects ?? [])],
          ttlMs: flags.ttl,
          publicKey: pair.publicKey.export({ type: 'spki', format: 'der' }),
          natsKey: natsKey?.publicKey ?? '',
        });
        return { ...answer, connection };
      });
      if (!made.token) throw new PlatformError('internal', 'the gateway answered without a token');
      const key = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
      const tls = { ca: made.connection.tls.ca, cert: made.certificate, key };
      const connection = { ...made.connection, tls, token: made.token.id, seeds: seedsFor(opens, natsKey?.seed) };
      const { file, pem } = await places.write(made.token.id, connection);
      const output = outputOf(context, flags);
      await output.one(made.token.id, { ...plain(made.token), file, pem: pem ?? null }, [
        ['token', made.token.id],
        ['role', made.token.role],
        ['functions', listText(made.token.functions)],
        ['good for', formatDuration(flags.ttl)],
        ['file', file],
        ...(pem === undefined ? [] : [['pem', pem] as const]),
      ]);
      output.note(`hand the file over where nobody else can read it; then: pilotfish list --pilot ${file}`);
    });

/** `auth token`: a noun below a noun. */
export const tokenCommand: CommandFactory = (context, report): Command => {
  const noun = new Command('token').description('connection files for others');
  return noun
    .addCommand(tokenCreateCommand(context, report))
    .addHelpText('after', '\nExamples:\n  $ pilotfish auth token create --role view');
};

function seedsFor(opens: readonly StreamRole[], seed = ''): Connection['seeds'] {
  return { source: opens.includes('source') ? seed : '', viewer: opens.includes('viewer') ? seed : '' };
}

export const authListCommand: CommandFactory = (context): Command =>
  newCommand({ name: 'list', summary: 'list tokens', examples: ['pilotfish auth list', 'pilotfish auth list -o json'] })
    .alias('ls')
    .action(async (options: CommonOptions) => {
      const tokens = await askPilot(context, options.pilot, (pilot) => pilot.access.tokens());
      await outputOf(context, options).list(tokens, tokensView);
    });

export const authRevokeCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'revoke',
    summary: 'end a token now, and the connections made with it',
    examples: ['pilotfish auth revoke t-8h3kq2mz'],
  })
    .argument('<id>', 'as `auth list` shows it')
    .action(async (id: string, options: CommonOptions) => {
      const connections = await askPilot(context, options.pilot, (pilot) => pilot.access.revokeToken(id));
      const output = outputOf(context, options);
      await output.one(id, { id, change: 'revoked', connections }, [[id, 'revoked']]);
      output.note(`${connections} connections to the gateway cut; the streams follow within a second`);
    });

export const authRotateCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'rotate',
    summary: "new keys and certificates for owner, gateway and agents; the owner's old ones open nothing any more",
    examples: ['pilotfish auth rotate'],
  }).action(async (options: CommonOptions) => {
    const expires = await askPilot(context, options.pilot, (pilot) => pilot.access.rotateCertificates());
    const output = outputOf(context, options);
    await output.one('rotated', { change: 'rotated', expiresAt: expires.toISOString() }, [
      ['good until', expires.toISOString()],
    ]);
    output.note('programs that hold the old connection.json must read it again');
  });

const tokensView: ListView<Token> = {
  columns: [
    { title: 'TOKEN', text: ({ id }) => id },
    { title: 'ROLE', text: ({ role }) => role },
    { title: 'FUNCTIONS', text: ({ functions }) => listText(functions) },
    { title: 'LEFT', text: ({ expiresAtMs }) => leftText(expiresAtMs - Date.now()) },
    { title: 'NAME', text: ({ name }) => name || '-' },
    { title: 'SUBJECTS', text: ({ subjects }) => listText(subjects), wide: true },
  ],
  name: ({ id }) => id,
  plain: (token) => plain(token),
  empty: 'no tokens',
};

function plain({ createdAtMs, expiresAtMs, ...rest }: Token): object {
  return { ...rest, createdAt: new Date(createdAtMs).toISOString(), expiresAt: new Date(expiresAtMs).toISOString() };
}

function leftText(ms: number): string {
  return ms > 0 ? formatDuration(ms) : 'expired';
}

function listText(patterns: readonly string[]): string {
  return patterns.length === 0 ? 'all' : patterns.join(' ');
}
