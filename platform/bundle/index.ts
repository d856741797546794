/**
 * From a path to what a pilot stores: `project.ts` finds the functions, `manifest.ts` reads pilotfish.yaml (`manifest-schema.ts`
 * says what may stand there, `function-spec.ts` checks what it means), `bundle-function.ts` runs esbuild, `digest.ts` names it.
 */
export { type Bundle, bundleFunction, withSpec } from './bundle-function.ts';
export { type BundledFile, bundleBytesMax } from './bundled-file.ts';
export { checkTypes, type TypeCheck } from './check-types.ts';
export { canonicalJson, sha256Hex, versionDigest } from './digest.ts';
export { manifestFileName, parseManifest } from './manifest.ts';
export { manifestJsonSchema } from './manifest-json-schema.ts';
export { functionNamePattern, secretNamePattern, triggersMax } from './manifest-schema.ts';
export { type Project, type ProjectFunction, readProject } from './project.ts';
export { subjectProblem } from './subject-template.ts';
export { triggerNamePattern } from './trigger-schema.ts';
