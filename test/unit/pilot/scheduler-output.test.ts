/** What schedulers print is read for what it says, and nothing they print makes a parser throw anything but their silence. */
import { describe, expect, it } from 'vitest';
import { PlatformError } from '#common';
import {
  type JobState,
  parseQstatJson,
  parseQstatText,
  parseQstatXml,
  parseSqueueJson,
  parseSqueueText,
} from '../../../platform/pilot/scheduler/index.ts';
import { fc } from '../../harness/properties.ts';

const said = (stdout: string, stderr = '', code = 0) => ({ stdout, stderr, code });
const start = Date.UTC(2026, 10, 27, 4, 41, 23);
const end = start + 3_600_000;

describe('squeue', () => {
  const job = (more: object) => ({ job_id: 7, state_reason: 'Resources', start_time: start / 1_000, ...more });

  it('is read as JSON of 22.05, where states are text and times numbers', () => {
    const text = JSON.stringify({
      jobs: [job({ job_state: 'RUNNING', end_time: end / 1_000 }), job({ job_id: 8, job_state: 'PENDING' })],
      errors: [],
    });
    expect(parseSqueueJson(said(text), ['7'])).toEqual([
      { id: '7', phase: 'running', word: 'RUNNING', reason: 'Resources', startAtMs: start, endAtMs: end },
    ]);
  });

  it('is read as JSON of 23.11, where states are lists and numbers say whether they are set', () => {
    const number = (value: number) => ({ set: true, infinite: false, number: value });
    const text = JSON.stringify({
      jobs: [
        job({ job_state: ['RUNNING', 'COMPLETING'], start_time: number(start / 1_000), end_time: number(end / 1_000) }),
        job({ job_id: 8, job_state: ['PENDING'], start_time: { set: false, infinite: false, number: 0 } }),
      ],
      last_update: number(1),
    });
    expect(parseSqueueJson(said(text), ['7', '8'])).toEqual([
      { id: '7', phase: 'ending', word: 'RUNNING+COMPLETING', reason: 'Resources', startAtMs: start, endAtMs: end },
      { id: '8', phase: 'queued', word: 'PENDING', reason: 'Resources' },
    ]);
  });

  it('is read as text where it knows no JSON', () => {
    expect(parseSqueueJson(said('', "squeue: option '--json' doesn't allow an argument", 1), ['7'])).toBeUndefined();
    expect(parseSqueueText(said('7|PENDING|Priority|2026-11-27T04:41:23|N/A\n8|TIMEOUT|TimeLimit|N/A|N/A\n'))).toEqual([
      { id: '7', phase: 'queued', word: 'PENDING', reason: 'Priority', startAtMs: start },
      { id: '8', phase: 'ended', word: 'TIMEOUT', reason: 'TimeLimit' },
    ]);
  });

  it('that knows no such job is no error; a controller that is away is one', () => {
    expect(parseSqueueText(said('', 'slurm_load_jobs error: Invalid job id specified', 1))).toEqual([]);
    const away = said('', 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)', 1);
    expect(() => parseSqueueText(away)).toThrow(expect.objectContaining({ code: 'unavailable' }));
    expect(parseSqueueJson(said(JSON.stringify({ jobs: [], errors: [{ error: 'away' }] })), ['7'])).toBeUndefined();
  });
});

describe('qstat of Grid Engine', () => {
  const xml = (jobs: string) =>
    `<?xml version='1.0'?>\n<job_info xmlns:xsd="x">\n<queue_info>${jobs}</queue_info></job_info>`;
  const one = (id: number, state: string) =>
    `<job_list state="x">\n<JB_job_number>${id}</JB_job_number>\n<state>${state}</state>\n</job_list>`;

  it.each([
    ['r', 'running'],
    ['qw', 'queued'],
    ['hqw', 'queued'],
    ['Eqw', 'queued'],
    ['dr', 'ending'],
    ['Rr', 'running'],
  ] as const)('reads state %s as %s', (word, phase) => {
    expect(parseQstatXml(said(xml(one(3, word))))).toEqual([expect.objectContaining({ id: '3', phase, word })]);
  });

  it('of an empty queue is empty; a qmaster that is away is an error', () => {
    expect(parseQstatXml(said(xml('')))).toEqual([]);
    expect(() => parseQstatXml(said('', "error: commlib error: can't connect to service", 1))).toThrow(
      /does not answer/,
    );
  });
});

describe('qstat of PBS', () => {
  const times = { stime: 'Fri Nov 27 04:41:23 2026', Resource_List: { walltime: '01:00:00' } };

  it('is read as JSON of OpenPBS', () => {
    const text = JSON.stringify({
      pbs_server: 's',
      Jobs: {
        '12.s': { job_state: 'R', ...times },
        '13.s': { job_state: 'Q', comment: 'Not Running: Insufficient amount of resource: ncpus' },
      },
    });
    expect(parseQstatJson(said(text))).toEqual([
      { id: '12.s', phase: 'running', word: 'R', reason: '', startAtMs: start, endAtMs: end },
      { id: '13.s', phase: 'queued', word: 'Q', reason: 'Not Running: Insufficient amount of resource: ncpus' },
    ]);
  });

  it('is read as text, with lines that go on', () => {
    const text = `Job Id: 12.s\n    Job_Name = a\n    job_state = R\n    comment = Job run at Fri Nov 27 on\n\t (n1:ncpus=4)\n    stime = ${times.stime}\n    Resource_List.walltime = 3600\n\nJob Id: 13.s\n    job_state = F\n`;
    expect(parseQstatText(said(text))).toEqual([
      {
        id: '12.s',
        phase: 'running',
        word: 'R',
        reason: 'Job run at Fri Nov 27 on (n1:ncpus=4)',
        startAtMs: start,
        endAtMs: end,
      },
      { id: '13.s', phase: 'ended', word: 'F', reason: '' },
    ]);
  });

  it('that knows no such job is no error; a server that is away is one', () => {
    expect(parseQstatText(said('', 'qstat: Unknown Job Id 999.s', 153))).toEqual([]);
    expect(() => parseQstatText(said('', 'qstat: cannot connect to server s (errno=15010)', 1))).toThrow(
      /does not answer/,
    );
  });
});

describe('whatever is printed', () => {
  const parsers: readonly ((text: string, errors: string) => readonly JobState[] | undefined)[] = [
    (text, errors) => parseSqueueJson(said(text, errors), ['1']),
    (text, errors) => parseSqueueText(said(text, errors)),
    (text, errors) => parseQstatXml(said(text, errors)),
    (text, errors) => parseQstatJson(said(text, errors)),
    (text, errors) => parseQstatText(said(text, errors)),
  ];
  const anything = fc.oneof(
    fc.string({ maxLength: 200 }),
    fc.json(),
    fc.record({ jobs: fc.array(fc.anything()) }).map((value) => JSON.stringify(value) ?? ''),
    fc.record({ Jobs: fc.dictionary(fc.string(), fc.anything()) }).map((value) => JSON.stringify(value) ?? ''),
    fc.array(fc.stringMatching(/^[0-9]{1,4}\|[A-Z]{1,12}\|[^\n]{0,20}$/)).map((lines) => lines.join('\n')),
    fc
      .array(fc.stringMatching(/^(?:Job Id: [0-9]+| {4}[a-z_]+ = [^\n]{0,20}|\t[^\n]{0,9})$/))
      .map((lines) => lines.join('\n')),
  );

  it.each(parsers.map((parse, at) => [at, parse] as const))(
    'parser %i gives states that make sense, or says that nobody answers',
    (_, parse) => {
      void fc.assert(
        fc.property(anything, fc.constantFrom('', 'error: away'), (text, errors) => {
          try {
            for (const { id, phase, startAtMs, endAtMs } of parse(text, errors) ?? []) {
              expect(id).not.toBe('');
              expect(['queued', 'running', 'ending', 'ended']).toContain(phase);
              for (const time of [startAtMs, endAtMs]) if (time !== undefined) expect(Number.isFinite(time)).toBe(true);
            }
          } catch (error) {
            if (!(error instanceof PlatformError)) throw error;
            expect(error.code).toBe('unavailable');
          }
        }),
      );
    },
  );

  it('lines of squeue are read back as they were written', () => {
    const line = fc.tuple(
      fc.nat(1e9),
      fc.constantFrom('PENDING', 'RUNNING', 'FAILED'),
      fc.stringMatching(/^[A-Za-z()_,]{1,20}$/),
      fc.integer({ min: 1, max: 4e9 }),
    );
    void fc.assert(
      fc.property(fc.array(line, { maxLength: 20 }), (lines) => {
        const iso = (seconds: number) => new Date(seconds * 1_000).toISOString().slice(0, 19);
        const text = lines
          .map(([id, word, reason, seconds]) => `${id}|${word}|${reason}|${iso(seconds)}|N/A`)
          .join('\n');
        expect(parseSqueueText(said(text))).toEqual(
          lines.map(([id, word, reason, seconds]) =>
            expect.objectContaining({
              id: String(id),
              word,
              reason: reason === 'None' ? '' : reason,
              startAtMs: seconds * 1_000,
            }),
          ),
        );
      }),
    );
  });
});
