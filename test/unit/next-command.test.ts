/** The line after a deployment can be copied: it sends what the function takes, where that is known. */
import { describe, expect, it } from 'vitest';
import { Trigger } from '#proto';
import { nextCommand } from '../../platform/cli/functions/next-command.ts';

const next = (trigger?: object, sample?: string) =>
  nextCommand({ name: 'f', triggers: trigger ? [{ ...Trigger.fromPartial({}), ...trigger }] : [] }, sample);

describe('the next command', () => {
  it('sends whatever the user has, where nothing is known of the function', () => {
    expect(next()).toBe('pilotfish invoke f -d TEXT (or -f FILE)');
    expect(next({ subject: 'points.*' })).toBe(
      'pilotfish invoke f -d TEXT (or -f FILE), or pilotfish pub points.1 -d TEXT (or -f FILE)',
    );
  });

  it('sends the sample that lies beside the function', () => {
    expect(next({ subject: 'in.*.>' }, 'f/sample.json')).toBe(
      'pilotfish invoke f -f f/sample.json, or pilotfish pub in.1.1 -f f/sample.json',
    );
    expect(next(undefined, "my scans/it's.txt")).toBe("pilotfish invoke f -f 'my scans/it'\\''s.txt'");
  });

  it('passes the filter of the trigger', () => {
    const filter = {
      subjects: ['o.a.*'],
      headers: [
        { name: 'kind', values: ['dark field'] },
        { name: 'any', values: [] },
      ],
    };
    expect(next({ subject: 'o.*.*', filter }, 's')).toBe(
      "pilotfish invoke f -f s, or pilotfish pub o.a.1 -H 'kind=dark field' -H any=1 -f s",
    );
  });

  it.each([
    [{ subject: 's.*', gather: { key: '{1}' } }, /^pilotfish describe f; what comes on s\.\* is gathered/],
    [{ subject: 's.*', window: { count: 3 } }, /^pilotfish pub s\.1 -d TEXT \(or -f FILE\); .* in windows$/],
    [
      { subject: 'pilotfish.cron.f.on0', cron: { schedule: '30 2 * * *', timezone: 'UTC' } },
      /^pilotfish invoke f; .*at "30 2/,
    ],
    [{ subject: 'pilotfish.file.f.on0.*', files: { directory: '/in', match: '*.h5' } }, /given each \*\.h5 .* \/in$/],
    [
      { subject: 'pilotfish.http.f.on0', http: { path: '/hook' } },
      /^pilotfish describe f, for the address of POST \/hook/,
    ],
  ])('publishes nothing where that is not how events come (%o)', (trigger, line) => {
    expect(next(trigger)).toMatch(line);
    expect(next(trigger)).not.toContain('pilotfish.');
  });
});
