import { describe, expect, it } from 'vitest';
import { readSubject } from '#broker';
import { compileTemplate, matchSubject, patternsOverlap, templatePattern } from '#model';
import { fc } from '../harness/properties.ts';

const token = fc.constantFrom('a', 'b', 'scan', '7');
const subjects = fc.array(token, { minLength: 1, maxLength: 5 }).map((tokens) => tokens.join('.'));
const patterns = fc
  .tuple(fc.array(fc.oneof(token, fc.constant('*')), { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([tokens, open]) => [...tokens, ...(open ? ['>'] : [])].join('.'));

describe('subjects', () => {
  it('match by token, * and >', () => {
    expect(matchSubject('scan.*.frame', 'scan.7.frame')).toEqual(['7']);
    expect(matchSubject('scan.*.frame', 'scan.7.rows')).toBeUndefined();
    expect(matchSubject('scan.*.frame', 'scan.7.frame.x')).toBeUndefined();
    expect(matchSubject('scan.>', 'scan.7.frame')).toEqual(['7.frame']);
    expect(matchSubject('scan.>', 'scan')).toBeUndefined();
  });

  it('are read by patterns that could match one, and by nothing else', () => {
    fc.assert(fc.property(patterns, (pattern) => readSubject(pattern) === `ev.${pattern}`));
    for (const wrong of ['', 'a b', 'a..b', 'a.', '>.a', 'a*', '{n}', 'a.>.b', 'x'.repeat(300)])
      expect(() => readSubject(wrong), wrong).toThrow('is no subject to read');
  });

  it('two patterns that match one subject overlap', () => {
    fc.assert(
      fc.property(patterns, patterns, subjects, (a, b, subject) => {
        if (matchSubject(a, subject) && matchSubject(b, subject)) expect(patternsOverlap(a, b)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('patterns overlap in both directions alike', () => {
    fc.assert(
      fc.property(patterns, patterns, (a, b) => {
        expect(patternsOverlap(a, b)).toBe(patternsOverlap(b, a));
      }),
    );
    expect(patternsOverlap('scan.*.frame', 'scan.7.*')).toBe(true);
    expect(patternsOverlap('scan.*.frame', 'scan.*.rows')).toBe(false);
  });

  it('templates take what the wildcards matched', () => {
    expect(compileTemplate('recon.{1}', 'scan.*.frame')('scan.7.frame')).toBe('recon.7');
    expect(compileTemplate('r.{2}.of.{1}', 'scan.*.rows.*')('scan.7.rows.3')).toBe('r.3.of.7');
    expect(compileTemplate('all.{1}', 'scan.>')('scan.7.frame')).toBe('all.7.frame');
    expect(templatePattern('r.{2}.of.{1}')).toBe('r.*.of.*');
  });

  it('a template with a wildcard that is not there is refused, naming both', () => {
    expect(() => compileTemplate('recon.{2}', 'scan.*.frame')).toThrow(
      '"recon.{2}" uses {2}, but "scan.*.frame" has 1 wildcards',
    );
  });
});
