/** `torwacht policy presets`: what the presets are, and what each of them opens. */
import { exitCodes, failure } from '#api/error.ts';
import { closest } from '#policy/closest.ts';
import { errors } from '#policy/errors.ts';
import { type Preset, type PresetRule, presets } from '#policy/presets.ts';
import { quoted } from '#policy/problem.ts';
import { parseArguments, withErrors } from './arguments.ts';
import { type Io, styled } from './io.ts';

const USAGE = 'torwacht policy presets [NAME] [--json]';

/** Exit code 0, or 2 when there is no such preset. */
export function showPresets(args: readonly string[], io: Io): number {
  const parsed = parseArguments(args, USAGE, io);
  if (parsed === null) return exitCodes.usage;
  const [name, ...more] = parsed.names;
  if (more.length > 0) {
    io.stderr.write(`Name one preset, or none for all.\nUsage: ${USAGE}\n`);
    return exitCodes.usage;
  }
  return withErrors(io, () => {
    const shown = name === undefined ? [...presets.values()] : presetNamed(name);
    if (parsed.json) io.stdout.write(`${JSON.stringify(shown, null, 2)}\n`);
    else if (Array.isArray(shown)) printList(shown, io);
    else printPreset(shown, io);
    return 0;
  });
}

function presetNamed(name: string): Preset {
  const preset = presets.get(name);
  if (preset !== undefined) return preset;
  const near = closest(name, [...presets.keys()]);
  const error = failure(errors.unknownPreset, { preset: quoted(name) });
  if (near === null) throw error;
  throw failure(
    { ...errors.unknownPreset, hint: `Did you mean ${near}? ${errors.unknownPreset.hint}` },
    { preset: quoted(name) },
  );
}

function printList(list: readonly Preset[], io: Io): void {
  const width = Math.max(...list.map(({ name }) => name.length));
  for (const { name, description } of list) {
    io.stdout.write(`${styled(io, 'bold', name.padEnd(width))}  ${description}\n`);
  }
}

function printPreset(preset: Preset, io: Io): void {
  const line = (label: string, text: string) => {
    if (text !== '') io.stdout.write(`${styled(io, 'dim', label.padEnd(9))}${text}\n`);
  };
  io.stdout.write(`${styled(io, 'bold', preset.name)}: ${preset.description}\n`);
  for (const rule of preset.rules) {
    for (const name of rule.fqdn) line('allow', `${name} ${portText(rule)}`);
  }
  line('instead', preset.instead ?? '');
  line('source', preset.source);
  line('caveat', preset.caveat);
}

function portText({ ports }: PresetRule): string {
  if (ports === undefined) return '443/TCP';
  return ports
    .map(({ port, endPort, protocol }) => {
      const range = endPort === undefined ? `${port}` : `${port}-${endPort}`;
      return `${range}/${protocol}`;
    })
    .join(' ');
}
