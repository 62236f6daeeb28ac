/** docs/reference.md: the kinds, field by field, from the same source as their CRDs. */
import { type KindDefinition, kindDefinitions } from '#api/kinds.ts';
import { apiVersion } from '#api/version.ts';
import { documentSchema } from './crd.ts';
import type { Structural } from './structural.ts';

export function reference(): string {
  return `# Reference

Every kind of \`${apiVersion}\`, field by field. Made from the schemas in \`api/\` by \`make generate\`, as the
CustomResourceDefinitions are. What the fields are for, with examples, is in [policy.md](policy.md).

A field in **bold** must be there. Unknown fields are refused. Lists are replaced as a whole by server-side
apply, unless they say by what their entries are told apart. The patterns of strings are in the CRDs
(\`config/crd\`).

${kindDefinitions.map(section).join('\n')}`;
}

function section(definition: KindDefinition): string {
  const { kind, plural, shortName, scope, description, columns, status } = definition;
  const { properties = {} } = documentSchema(definition);
  const names = columns.map(({ name, priority }) => (priority === 1 ? `(${name})` : name));
  const parts = [
    `## ${kind}`,
    `${description}`,
    `\`kubectl get ${plural}\` (\`${shortName}\`), ${scope === 'Cluster' ? 'one for the cluster' : 'in a namespace'}; columns: ${names.join(', ')}.`,
    table('spec', properties.spec),
    ...(status === undefined ? [] : [table('status', properties.status)]),
  ];
  return `${parts.join('\n\n')}\n`;
}

function table(root: string, schema: Structural | undefined): string {
  if (schema === undefined) return '';
  const rows = fields(schema, root).map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const lines = [['field', 'type', 'meaning'], ['---', '---', '---'], ...rows];
  return lines.map((row) => `| ${row.join(' | ')} |`).join('\n');
}

/** A row for each field, each followed by those below it. */
function fields(schema: Structural, path: string): string[][] {
  const rows: string[][] = [];
  const required = new Set(schema.required ?? []);
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    const at = `${path}.${name}`;
    const shown = required.has(name) ? `**\`${at}\`**` : `\`${at}\``;
    rows.push([shown, typeOf(child), meaning(child)]);
    const inner = child.items ?? child;
    rows.push(...fields(inner, child.items === undefined ? at : `${at}[]`));
  }
  return rows;
}

function typeOf(schema: Structural): string {
  if (schema.items !== undefined) return `list of ${typeOf(schema.items)}`;
  if (schema.additionalProperties !== undefined) return 'map of string';
  return schema.enum?.map((value) => `\`${value}\``).join(', ') ?? schema.format ?? schema.type;
}

function meaning(schema: Structural): string {
  const rules = [schema, ...(schema.items === undefined ? [] : [schema.items])]
    .flatMap((part) => part['x-kubernetes-validations'] ?? [])
    .map(
      ({ message, fieldPath }) =>
        `Rule: ${[fieldPath?.slice(1), message].filter(Boolean).join(' ')}.`,
    );
  const keys = schema['x-kubernetes-list-map-keys'];
  return [
    schema.description ?? '',
    ...(schema.default === undefined ? [] : [`Default: \`${JSON.stringify(schema.default)}\`.`]),
    ...limits(schema),
    ...(keys === undefined ? [] : [`One entry for each ${keys.join(' and ')}.`]),
    ...(schema['x-kubernetes-list-type'] === 'set' ? ['No value twice.'] : []),
    ...rules,
  ]
    .filter((text) => text !== '')
    .join(' ');
}

function limits(schema: Structural): string[] {
  const { items } = schema;
  return [
    range('entries', schema.minItems, schema.maxItems),
    range('entries', undefined, schema.maxProperties),
    range(items === undefined ? 'characters' : 'characters each', ...lengths(items ?? schema)),
    range('', schema.minimum, schema.maximum),
  ].filter((text) => text !== '');
}

const lengths = ({ minLength, maxLength }: Structural) => [minLength, maxLength] as const;

function range(unit: string, least: number | undefined, most: number | undefined): string {
  const counted = (text: string): string => `${text} ${unit}`.trim();
  if (most === undefined) return least === undefined ? '' : `${counted(`At least ${least}`)}.`;
  if (least === most) return `${counted(`Just ${most}`)}.`;
  return `${counted(least === undefined || least === 0 ? `At most ${most}` : `${least} to ${most}`)}.`;
}
