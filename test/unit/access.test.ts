/** Who may do what: the whole table, walked method by method and role by role. */
import { describe, expect, it } from 'vitest';
import {
  decideAccess,
  isRole,
  matchesAny,
  methodRules,
  methodsOf,
  parseToken,
  type Role,
  roles,
  streamRolesOf,
  type Token,
} from '#access';
import { GatewayService } from '#proto';
import { fc } from '../harness/properties.ts';

/** Of the services that every gRPC server of ours has beside its own. */
const standardMethods = ['Health/Check', 'Health/List', 'Health/Watch', 'ServerReflection/ServerReflectionInfo'];
const methods = [...Object.values(GatewayService).map(({ path }) => path.split('/').at(-1) ?? ''), ...standardMethods];
const everyRole = Object.keys(roles) as Role[];
const moment = { nowMs: 1_000_000, ownersSinceMs: 0 };

function token(fields: Partial<Token> = {}): Token {
  return {
    id: 't-abcdefgh',
    name: '',
    role: 'invoke',
    functions: [],
    subjects: [],
    createdAtMs: 0,
    expiresAtMs: 2_000_000,
    natsKey: '',
    ...fields,
  };
}

const callerOf = (held: Token | undefined, name = held?.id ?? 'nobody') => ({ name, validFromMs: 0, token: held });

/** What a person agreed to, apart from the code: who besides the owner may call what. A method that is missing fails. */
const agreed: Record<string, string> = {
  ListFunctions: 'deploy invoke view',
  GetFunction: 'deploy invoke view',
  Invoke: 'deploy invoke',
  InvokeStream: 'deploy invoke',
  InvokeAsync: 'deploy invoke',
  GetCall: 'deploy invoke',
  WaitCall: 'deploy invoke',
  ListCalls: 'deploy invoke',
  CancelCall: 'deploy invoke',
  Publish: 'deploy publish',
  WaitReady: 'deploy invoke publish view',
  ListSubjects: 'deploy view',
  GetLatestEvent: 'deploy view',
  ListNodes: 'deploy view',
  Watch: 'deploy view',
  GetUsage: 'deploy view',
  ListDeadLetters: 'deploy view',
  GetDeadLetter: 'deploy view',
  Logs: 'deploy view',
  GetScale: 'deploy view',
  GetNodeScale: 'deploy view',
  ListTriggers: 'deploy view',
  ListSecrets: 'deploy view',
  Deploy: 'deploy',
  DeleteFunction: 'deploy',
  SetAlias: 'deploy',
  Rollback: 'deploy',
  Promote: 'deploy',
  RedriveDeadLetters: 'deploy',
  PurgeDeadLetters: 'deploy',
  SetScale: 'deploy',
  PauseTrigger: 'deploy',
  DrainNode: '',
  SetSecret: '',
  DeleteSecret: '',
  CreateToken: '',
  ListTokens: '',
  RevokeToken: '',
  RotateCertificates: '',
  TailAudit: '',
  ...Object.fromEntries(standardMethods.map((method) => [method, 'deploy invoke publish view'])),
};
/** What a token for some functions may not, whatever its role: this shows or changes what is everybody's. */
const aboutAll = ['ListSubjects', 'GetLatestEvent', ...methods.filter((method) => agreed[method] === '')];

describe('the table of methods', () => {
  it('has a rule for every method of the gateway, and no other', () => {
    expect(Object.keys(methodRules).sort()).toEqual([...methods].sort());
  });

  it('finds the function in each request where it says so', () => {
    for (const { path, requestDeserialize } of Object.values(GatewayService)) {
      const functionOf = methodRules[path.split('/').at(-1) ?? '']?.functionOf;
      if (functionOf) expect(functionOf(requestDeserialize(Buffer.alloc(0)) as never), path).toBe('');
    }
  });

  it('always lets the owner in, and never anybody without a token', () => {
    for (const method of methods) {
      expect(decideAccess(method, callerOf(undefined, 'owner'), undefined, moment)).toMatchObject({ allowed: true });
      expect(decideAccess(method, callerOf(undefined), undefined, moment)).toMatchObject({ allowed: false });
      expect(decideAccess(method, callerOf(undefined, 'agent-n1'), undefined, moment)).toMatchObject({
        allowed: false,
      });
    }
  });

  it.each(everyRole)('gives %s what was agreed, and nothing else', (role) => {
    for (const method of methods) {
      const { allowed } = decideAccess(method, callerOf(token({ role })), undefined, moment);
      const wanted = role === 'admin' || agreed[method]?.split(' ').includes(role);
      expect(allowed, method).toBe(wanted);
      expect(methodsOf(role, []).includes(method), method).toBe(wanted);
    }
  });

  it.each(everyRole)('gives %s for some functions nothing that is about all', (role) => {
    const caller = callerOf(token({ role, functions: ['recon-*'] }));
    for (const method of aboutAll) expect(decideAccess(method, caller, {}, moment).allowed, method).toBe(false);
    expect(methodsOf(role, ['recon-*']).filter((method) => aboutAll.includes(method))).toEqual([]);
    const some = { name: 'recon-a', function: 'recon-a', callId: 'recon-a.1', call: { function: 'recon-a' } };
    for (const method of methods.filter((each) => !aboutAll.includes(each))) {
      const wanted = role === 'admin' || agreed[method]?.split(' ').includes(role);
      expect(decideAccess(method, caller, some, moment).allowed, method).toBe(wanted);
    }
  });

  it.each(everyRole)('opens to %s no more of the streams than of the methods', (role) => {
    const mayRead = role === 'admin' || agreed['GetLatestEvent']?.split(' ').includes(role);
    const maySend = role === 'admin' || agreed['Publish']?.split(' ').includes(role);
    expect(streamRolesOf({ role, functions: [] })).toEqual([
      ...(maySend ? ['source'] : []),
      ...(mayRead ? ['viewer'] : []),
    ]);
    expect(streamRolesOf({ role, functions: ['recon-*'] })).toEqual(maySend ? ['source'] : []);
  });

  it('refuses a method that it does not have, to the owner too', () => {
    expect(decideAccess('constructor', callerOf(undefined, 'owner'), undefined, moment)).toMatchObject({
      allowed: false,
    });
  });
});

describe('a token', () => {
  it('ends at its time, though its connection may live on', () => {
    const caller = callerOf(token({ expiresAtMs: moment.nowMs }));
    expect(decideAccess('Invoke', caller, { function: 'echo' }, moment)).toMatchObject({
      allowed: false,
      reason: expect.stringContaining('expired'),
    });
  });

  it('is good for its functions only, however the request names them', () => {
    const caller = callerOf(token({ functions: ['recon-*'] }));
    const asked = (method: string, request: unknown) => decideAccess(method, caller, request, moment).allowed;
    expect(asked('Invoke', { function: 'recon-tooth' })).toBe(true);
    expect(asked('Invoke', { function: 'echo' })).toBe(false);
    expect(asked('InvokeStream', { call: { function: 'echo' } })).toBe(false);
    expect(asked('InvokeStream', {})).toBe(false);
    expect(asked('GetFunction', { name: 'echo' })).toBe(false);
  });

  it('is read back as it was written, and nothing else is a token', () => {
    expect(parseToken(JSON.stringify(token()))).toEqual(token());
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void parseToken(text)));
    expect(parseToken(JSON.stringify({ ...token(), role: '__proto__' }))).toBeUndefined();
    expect(isRole('constructor')).toBe(false);
  });
});

it("an owner's certificate from before a rotation opens nothing", () => {
  const rotated = { ...moment, ownersSinceMs: 500 };
  expect(decideAccess('ListNodes', { name: 'owner', validFromMs: 499, token: undefined }, {}, rotated)).toMatchObject({
    allowed: false,
  });
  expect(decideAccess('ListNodes', { name: 'owner', validFromMs: 500, token: undefined }, {}, rotated)).toMatchObject({
    allowed: true,
  });
});

it('matchesAny() says what a regular expression would, for any pattern', () => {
  const letters = fc.array(fc.constantFrom('a', 'b', '-', '*'), { maxLength: 8 }).map((each) => each.join(''));
  const name = fc.array(fc.constantFrom('a', 'b', '-'), { maxLength: 12 }).map((each) => each.join(''));
  fc.assert(
    fc.property(letters, name, (pattern, text) => {
      const expected = new RegExp(`^${pattern.replaceAll(/\*+/g, '.*')}$`).test(text);
      expect(matchesAny([pattern], text)).toBe(expected);
    }),
  );
  expect(matchesAny([], 'anything')).toBe(true);
});
