/** What schedulers print is read for what it says, and nothing they print makes a parser throw anything but their silence. */
import { describe, expect, it } from 'vitest';
import { PlatformError } from '#common';
import {
  type JobState,
  parseQstat,
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

/**
 * Line for line in the form of outputs that users of real servers have published, names changed: OpenPBS 19.1.1 and its complaints
 * (openpbs/openpbs issue 2541, course pages of several sites), PBS Professional of 2019 (a site's pages), Torque 4 to 6 (a
 * site's pages; adaptivecomputing/torque issue 312).
 */
describe('qstat of PBS', () => {
  const openpbs = `Job Id: 4.scheduler
    Job_Name = STDIN
    Job_Owner = ada@execute-1.internal.example.net
    resources_used.cpupercent = 0
    resources_used.cput = 00:00:00
    resources_used.mem = 9692kb
    resources_used.ncpus = 1
    resources_used.walltime = 00:00:10
    job_state = R
    queue = workq
    server = scheduler
    Checkpoint = u
    ctime = Fri Nov 27 04:41:17 2026
    Error_Path = /dev/pts/0
    exec_host = execute-2/0
    exec_vnode = (execute-2:ncpus=1)
    Rerunable = False
    Resource_List.ncpus = 1
    Resource_List.place = scatter:excl
    Resource_List.select = 1
    Resource_List.walltime = 01:00:00
    stime = Fri Nov 27 04:41:23 2026
    session_id = 15962
    substate = 42
    Variable_List = PBS_O_HOME=/users/ada,PBS_O_LANG=en_US.UTF-8,
	BASH_FUNC_module()=() {  local job_state;
    job_state = none
 eval \`modulecmd bash $*\`
},PBS_O_HOST=execute-1
    comment = Job run at Fri Nov 27 at 04:41 on (execute-2:ncpus=1) which is lon
	ger than a line
    etime = Fri Nov 27 04:41:17 2026
    project = _pbs_project_default

`;

  it('of OpenPBS is read past the lines of exported shell functions, with lines that go on', () => {
    expect(
      parseQstat(said(`${openpbs}Job Id: 5.scheduler\n    job_state = F\n`), ['4.scheduler', '5.scheduler']),
    ).toEqual([
      {
        id: '4.scheduler',
        phase: 'running',
        word: 'R',
        reason: 'Job run at Fri Nov 27 at 04:41 on (execute-2:ncpus=1) which is longer than a line',
        startAtMs: start,
        endAtMs: end,
      },
      { id: '5.scheduler', phase: 'ended', word: 'F', reason: '' },
    ]);
  });

  it('goes by the name under which a job was asked for, also where its server has another', () => {
    expect(parseQstat(said(openpbs), ['40.pbs', '4.pbs'])).toMatchObject([{ id: '4.pbs' }]);
  });

  it('tells when a job is expected to start', () => {
    const text = 'Job Id: 4.s\n    job_state = Q\n    estimated.start_time = Fri Nov 27 04:41:23 2026\n';
    expect(parseQstat(said(text), ['4.s'])).toMatchObject([{ id: '4.s', phase: 'queued', startAtMs: start }]);
  });

  it('of Torque is read: why a job waits, when one has started, and that one has ended', () => {
    const torque = `Job Id: 12345.host.example.org
    Job_Name = runjob
    job_state = Q
    queue = compute
    ctime = Fri Nov 27 04:02:42 2026
    Resource_List.nodect = 1
    Resource_List.nodes = 1:ppn=128
    Resource_List.walltime = 240:00:00
    submit_args = -o /scratch/ada/out -j oe -N runjob -l walltime=240:00:00,nodes=
	1:ppn=128 -v CONFIG=/users/ada/pipeline/config.sh
    comment = Not Running: Not enough of the right type of nodes are availab
	le to run the job
    fault_tolerant = False

Job Id: 12346.host.example.org
    job_state = R
    exec_host = node-099/0+node-098/0
    exec_port = 15003+15003
    Resource_List.walltime = 3600
    Variable_List = PBS_O_QUEUE=batch,PBS_O_HOME=/users/ada,
	PBS_O_LANG=fr_FR.UTF-8
    comment = Job started on Fri Nov 27 at 04:41
    start_time = Fri Nov 27 04:41:23 2026
    Walltime.Remaining = 86392

Job Id: 12340.host.example.org
    job_state = C
    exit_status = 271
    comp_time = Fri Nov 27 03:59:30 2026
`;
    expect(parseQstat(said(torque, 'qstat: Unknown Job Id Error 9.host.example.org', 153), [])).toEqual([
      {
        id: '12345.host.example.org',
        phase: 'queued',
        word: 'Q',
        reason: 'Not Running: Not enough of the right type of nodes are available to run the job',
      },
      {
        id: '12346.host.example.org',
        phase: 'running',
        word: 'R',
        reason: 'Job started on Fri Nov 27 at 04:41',
        startAtMs: start,
        endAtMs: end,
      },
      { id: '12340.host.example.org', phase: 'ended', word: 'C', reason: '' },
    ]);
  });

  it.each([
    'qstat: Unknown Job Id 2315.pbs',
    'qstat: Unknown Job Id Error 3481331.egeon2',
    'qstat: illegally formed job identifier: 231512525',
    'qstat: 2338916.pbs Job has finished, use -x or -H to obtain historical job information',
  ])('"%s" is no error', (complaint) => {
    expect(parseQstat(said('', complaint, 153), ['2315.pbs'])).toEqual([]);
  });

  it('of a server that is away is an error', () => {
    expect(() => parseQstat(said('', 'qstat: cannot connect to server s (errno=15010)', 1), ['1.s'])).toThrow(
      /does not answer/,
    );
  });
});

describe('whatever is printed', () => {
  const parsers: readonly ((text: string, errors: string) => readonly JobState[] | undefined)[] = [
    (text, errors) => parseSqueueJson(said(text, errors), ['1']),
    (text, errors) => parseSqueueText(said(text, errors)),
    (text, errors) => parseQstatXml(said(text, errors)),
    (text, errors) => parseQstat(said(text, errors), ['1']),
  ];
  const anything = fc.oneof(
    fc.string({ maxLength: 200 }),
    fc.json(),
    fc.record({ jobs: fc.array(fc.anything()) }).map((value) => JSON.stringify(value) ?? ''),
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

  it.each([
    ['OpenPBS', 'stime', 'F'],
    ['Torque', 'start_time', 'C'],
  ])('jobs of %s are read back as they were written, however their lines are cut', (_, startName, endedWord) => {
    const job = fc.record({
      word: fc.constantFrom('Q', 'R', endedWord),
      comment: fc.stringMatching(/^[A-Za-z:(][A-Za-z ,:=()]{0,100}[a-z)]$/),
      seconds: fc.integer({ min: 1, max: 4e9 }),
      walltime: fc.integer({ min: 1, max: 1e6 }),
    });
    void fc.assert(
      fc.property(fc.uniqueArray(fc.nat(1e6), { maxLength: 5 }), fc.array(job, { minLength: 5 }), (ids, jobs) => {
        const written = ids.map((id, at) => ({ id: `${id}.server`, ...(jobs[at] as (typeof jobs)[number]) }));
        const text = written.map(({ id, word, comment, seconds, walltime }) => {
          const time = new Date(seconds * 1_000).toUTCString();
          const [, day, month, year, clock] = /^\w+, (\d+) (\w+) (\d+) (\S+)/.exec(time) ?? [];
          const lines = [
            `job_state = ${word}`,
            `comment = ${comment}`,
            `Resource_List.walltime = ${clockText(walltime)}`,
            ...(word === 'Q' ? [] : [`${startName} = ${time.slice(0, 3)} ${month} ${day} ${clock} ${year}`]),
          ];
          return `Job Id: ${id}\n${lines.map((line) => `    ${line.replace(/(.{74})(?=.)/g, '$1\n\t')}\n`).join('')}\n`;
        });
        expect(
          parseQstat(
            said(text.join('')),
            written.map(({ id }) => id),
          ),
        ).toEqual(
          written.map(({ id, word, comment, seconds, walltime }) => ({
            id,
            phase: word === 'Q' ? 'queued' : word === 'R' ? 'running' : 'ended',
            word,
            reason: comment,
            ...(word === 'Q' ? {} : { startAtMs: seconds * 1_000 }),
            ...(word === 'R' ? { endAtMs: (seconds + walltime) * 1_000 } : {}),
          })),
        );
      }),
    );
  });

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

/** "27:46:40" */
function clockText(seconds: number): string {
  const parts = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  return parts.map((part) => String(part).padStart(2, '0')).join(':');
}
