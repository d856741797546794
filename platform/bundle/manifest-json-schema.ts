/** The manifest's JSON Schema, shipped as deploy/pilotfish.schema.json for editors; a test keeps the two equal. */
import { z } from 'zod';
import { functionNamePattern, manifestSchema } from './manifest-schema.ts';

export interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly [key: string]: unknown;
}

export function manifestJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(manifestSchema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  const functions = schema.properties?.['functions'];
  return {
    $schema: schema['$schema'],
    title: 'pilotfish.yaml',
    description: 'The functions of a folder, as `pilotfish deploy` reads them.',
    ...schema,
    properties: { functions: { ...functions, propertyNames: { pattern: functionNamePattern.source } } },
  };
}

/** Keys that may stand at a path of the manifest; none where anything may. */
export function validKeysAt(path: readonly PropertyKey[]): string[] {
  let at: JsonSchema | undefined = manifestJsonSchema();
  for (const step of path) {
    if (typeof step === 'number') at = at?.items;
    else at = at?.properties?.[String(step)] ?? objectSchema(at?.additionalProperties);
  }
  return Object.keys(at?.properties ?? {});
}

function objectSchema(schema: JsonSchema | boolean | undefined): JsonSchema | undefined {
  return typeof schema === 'object' ? schema : undefined;
}
