/** values.yaml, values.schema.json and the values' reference, from `values.ts`. */
import { stringify } from 'yaml';
import * as z from 'zod';
import { valuesSchema } from './values.ts';

/** What of JSON Schema stands in ours. */
interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: boolean | Schema;
  readonly minimum?: number;
  readonly maximum?: number;
}

const schema = z.toJSONSchema(valuesSchema, { target: 'draft-7', io: 'input' }) as Schema;

/** A group has fields of its own; everything else is one value. */
const isGroup = ({ properties, default: value }: Schema): boolean =>
  properties !== undefined && value === undefined;

export function valuesJsonSchema(): string {
  return `${JSON.stringify({ ...withoutRequired(schema), title: 'Values of the chart torwacht' }, null, 2)}\n`;
}

/** With `--reuse-values` of an older chart, Helm gives a newer one no group that the older one did not have. */
function withoutRequired({ required: _, ...one }: Schema): Schema {
  const { properties = {} } = one;
  const all = Object.entries(properties).map(
    ([name, inner]) => [name, isGroup(inner) ? withoutRequired(inner) : inner] as const,
  );
  return { ...one, properties: Object.fromEntries(all) };
}

export function valuesYaml(note: string): string {
  const intro =
    '# Every value, with what it is for. Unknown ones are refused. docs/helm.md tells the story.\n';
  return `${note}${intro}${group(schema, 0)}`;
}

function group({ properties = {} }: Schema, depth: number): string {
  const indent = '  '.repeat(depth);
  return Object.entries(properties)
    .filter(([, one]) => isGroup(one) || one.default !== undefined)
    .map(([name, one]) => {
      const above = comment(one).map((line) => `${indent}# ${line}\n`);
      const body = isGroup(one)
        ? `${indent}${name}:\n${group(one, depth + 1)}`
        : stringify({ [name]: one.default }, { lineWidth: 0 }).replace(/^(?=.)/gm, indent);
      return `${depth === 0 ? '\n' : ''}${above.join('')}${body}`;
    })
    .join('');
}

function comment({ description = '', enum: words }: Schema): string[] {
  const known = words?.filter((word) => word !== '');
  const choices = known === undefined ? '' : ` One of: ${known.join(', ')}.`;
  return wrap(`${description}${choices}`, 100);
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && `${last} ${word}`.length <= width) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return lines;
}

export function valuesReference(note: string): string {
  const { properties = {} } = schema;
  const single = Object.entries(properties).filter(
    ([, one]) => !isGroup(one) && one.default !== undefined,
  );
  const groups = Object.entries(properties).filter(([, one]) => isGroup(one));
  const sections = groups.map(
    ([name, one]) => `## ${name}\n\n${one.description}\n\n${table(rows(one, name))}`,
  );
  return `${note}
# Values of the chart

What each is for and what it is unless you say otherwise. Other names, types and words than these are refused.
[helm.md](helm.md) tells how they are used.

${table(single.map(([name, one]) => row(name, one)))}
${sections.join('\n')}`;
}

function rows(schema: Schema, path: string): string[][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, one]) =>
    isGroup(one) ? rows(one, `${path}.${name}`) : [row(`${path}.${name}`, one)],
  );
}

function row(path: string, one: Schema): string[] {
  return [`\`${path}\``, typeOf(one), `\`${JSON.stringify(one.default)}\``, one.description ?? ''];
}

function typeOf({
  type,
  enum: words,
  items,
  additionalProperties,
  minimum,
  maximum,
}: Schema): string {
  if (words !== undefined) return words.map((word) => `\`${word || '""'}\``).join(', ');
  if (items !== undefined) return `list of ${items.type ?? 'values'}s`;
  if (typeof additionalProperties === 'object') return 'map';
  if (minimum !== undefined) return `${minimum} to ${maximum}`;
  return type ?? '';
}

function table(lines: readonly (readonly string[])[]): string {
  const head = [
    ['value', 'type', 'default', 'meaning'],
    ['---', '---', '---', '---'],
  ];
  return `${[...head, ...lines]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n')}\n`;
}
