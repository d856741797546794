/** The reference of `pilotfish.yaml`: each key of its JSON Schema, with type, bounds, default and meaning. */

export interface SchemaNode {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | SchemaNode;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
}

export function manifestReference(schema: SchemaNode): string {
  const rows = [...rowsOf(schema, '')].map(({ key, node }) => {
    const cells = [`\`${key}\``, typeOf(node), defaultOf(node), node.description ?? ''];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  });
  return [
    '# Manifest',
    '',
    'Written from `deploy/pilotfish.schema.json`, which editors read, too. `NAME` stands for a name of your own, `[]` for each element of a list.',
    '',
    '| Key | What it takes | Default | Meaning |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

interface Row {
  readonly key: string;
  readonly node: SchemaNode;
}

function* rowsOf(node: SchemaNode, above: string): Generator<Row, void, void> {
  for (const [name, child] of Object.entries(node.properties ?? {})) {
    const key = above === '' ? name : `${above}.${name}`;
    yield { key, node: child };
    yield* rowsOf(child, key);
  }
  if (typeof node.additionalProperties === 'object') {
    const key = `${above}.NAME`;
    if (node.additionalProperties.properties === undefined) yield { key, node: node.additionalProperties };
    yield* rowsOf(node.additionalProperties, key);
  }
  if (node.items) yield* rowsOf(node.items, `${above}[]`);
  for (const form of node.anyOf ?? node.oneOf ?? []) yield* rowsOf(form, above);
}

function typeOf(node: SchemaNode): string {
  const forms = node.anyOf ?? node.oneOf;
  if (forms) return [...new Set(forms.map(typeOf))].join(' or ');
  if (node.const !== undefined) return `\`${JSON.stringify(node.const)}\``;
  if (node.enum) return node.enum.map((value) => `\`${String(value)}\``).join(', ');
  const bounds = boundsOf(node);
  const kind = node.items ? `list of ${typeOf(node.items)}` : String(node.type ?? 'anything');
  return bounds === '' ? kind : `${kind} (${bounds})`;
}

function boundsOf(node: SchemaNode): string {
  const least = node.minimum ?? node.minItems ?? (node.minLength === 1 ? undefined : node.minLength);
  const most = node.maximum ?? node.maxLength ?? node.maxItems;
  const parts = [
    node.exclusiveMinimum === undefined ? '' : `over ${node.exclusiveMinimum}`,
    least === undefined ? '' : `at least ${least}`,
    most === undefined || most === Number.MAX_SAFE_INTEGER ? '' : `at most ${most}`,
  ].filter((part) => part !== '');
  const unit = node.items ? ' of them' : node.maxLength === undefined ? '' : ' characters';
  const range = parts.length === 0 ? [] : [parts.join(', ') + unit];
  return [...range, ...(node.pattern === undefined ? [] : [`\`${node.pattern}\``])].join(', ');
}

function defaultOf({ default: value }: SchemaNode): string {
  return value === undefined ? '' : `\`${JSON.stringify(value)}\``;
}
