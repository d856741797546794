/** Which event goes where: subjects, templates, gathers. */
export { compileTemplate, matchSubject, patternsOverlap, templatePattern } from './subject-pattern.ts';
