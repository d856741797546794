/** CloudEvents in headers, against the specification's own library and against themselves. */
import { HTTP, CloudEvent as OfficialEvent } from 'cloudevents';
import { describe, expect, it, test } from 'vitest';
import { cloudEventHeaders, Reject, readCloudEvent } from '#sdk';
import { testFunction } from '../../platform/sdk/testing/function-tester.ts';
import { fc } from '../harness/properties.ts';

const good = { 'ce-specversion': '1.0', 'ce-id': '7', 'ce-source': '/beamline/2', 'ce-type': 'org.example.scan.ended' };

describe('readCloudEvent()', () => {
  it('reads what the official library writes', () => {
    const official = new OfficialEvent({
      id: 'a-1',
      source: 'https://example.org/beamline/2',
      type: 'org.example.scan.ended',
      subject: 'scan7',
      time: '2026-11-27T04:00:00.000Z',
      datacontenttype: 'application/json',
      operator: 'mlem',
      data: { frames: 180 },
    });
    const { 'content-type': datacontenttype = '', ...headers } = HTTP.binary(official).headers as Record<
      string,
      string
    >;
    expect(readCloudEvent({ ...headers, 'ce-datacontenttype': datacontenttype })).toEqual({
      specversion: '1.0',
      id: 'a-1',
      source: 'https://example.org/beamline/2',
      type: 'org.example.scan.ended',
      subject: 'scan7',
      time: '2026-11-27T04:00:00.000Z',
      datacontenttype: expect.stringContaining('application/json'),
      extensions: { operator: 'mlem' },
    });
  });

  it('is undefined for an event that does not say it is one', () => {
    expect(readCloudEvent({})).toBeUndefined();
    expect(readCloudEvent({ 'ce-id': '7', other: 'x' })).toBeUndefined();
  });

  test.each([
    [{ 'ce-id': '' }, 'ce-id is missing'],
    [{ 'ce-specversion': '0.3' }, 'only 1.0 is known'],
    [{ 'ce-source': 'a%20b' }, 'ce-source is no URI reference'],
    [{ 'ce-time': 'yesterday' }, 'ce-time is no RFC 3339 time'],
    [{ 'ce-time': '2026-13-40T00:00:00Z' }, 'ce-time is no RFC 3339 time'],
    [{ 'ce-dataschema': 'schema' }, 'ce-dataschema is no URI'],
    [{ 'ce-my_key': 'x' }, '"ce-my_key" is no name'],
    [{ 'ce-subject': '%E0' }, 'ce-subject is not percent-encoded UTF-8'],
  ])('%o is rejected: %s', (change, reason) => {
    expect(() => readCloudEvent({ ...good, ...change } as Record<string, string>)).toThrow(reason);
    expect(() => readCloudEvent({ ...good, ...change } as Record<string, string>)).toThrow(Reject);
  });
});

describe('cloudEventHeaders()', () => {
  it('writes what the official library takes for valid', () => {
    const pairs = cloudEventHeaders({
      specversion: '1.0',
      id: 'f.on0.EVENTS.7.0',
      source: '/pilotfish/f',
      type: 'org.example.done',
    });
    const official = HTTP.toEvent({ headers: Object.fromEntries(pairs), body: '{}' }) as OfficialEvent;
    expect(official.validate()).toBe(true);
    expect(official).toMatchObject({ id: 'f.on0.EVENTS.7.0', source: '/pilotfish/f', type: 'org.example.done' });
  });

  it('gives any text back, in one printable line', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (subject) => {
        const headers = Object.fromEntries(
          cloudEventHeaders({ specversion: '1.0', id: '1', source: '/s', type: 't', subject }),
        );
        expect(headers['ce-subject']).toMatch(/^[\x21-\x7e]*$/);
        expect(readCloudEvent(headers)?.subject).toBe(subject.toWellFormed());
      }),
    );
  });
});

test('`pilotfish/testing` gives a handler the attributes', async () => {
  const tester = testFunction({ handle: (event) => event.cloudEvent?.type ?? 'none' });
  expect(await tester.event({ headers: good })).toMatchObject({ kind: 'done', text: 'org.example.scan.ended' });
});
