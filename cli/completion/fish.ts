/** The completion for fish: a line for everything that can be said, each with where it holds. */
import type { CompletionCommand, CompletionFlag, ValueKind } from './commands.ts';

export function fishScript(commands: readonly CompletionCommand[]): string {
  const paths = commands.map(({ path }) => quote(path)).join(' ');
  return `# fish completion of torwacht; made by \`torwacht completion fish\`

function __torwacht_at --description 'Is the cursor behind this command of torwacht?'
    set -l path torwacht
    set -l held 0
    for word in (commandline -opc)[2..-1]
        if test "$word" = --
            set held 1
            break
        end
        if contains -- "$path $word" ${paths}
            set path "$path $word"
        end
    end
    test $held = 0; and test "$path" = "$argv[1]"
end

function __torwacht_held --description 'Is the cursor behind torwacht run … --?'
    set -l words (commandline -opc)
    contains -- -- $words; and test "$words[2]" = run
end

complete -c torwacht -f
${commands.flatMap(commandLines).join('\n')}
`;
}

/** Inside single quotes fish knows two escapes (fish-language, quotes). */
function quote(text: string): string {
  return `'${text.replaceAll(/[\\']/g, '\\$&')}'`;
}

function commandLines({
  path,
  subcommands,
  flags,
  argument,
}: CompletionCommand): readonly string[] {
  const here = `complete -c torwacht -n ${quote(`__torwacht_at ${quote(path)}`)}`;
  return [
    ...subcommands.map(
      ({ name, description }) => `${here} -a ${quote(name)} -d ${quote(description)}`,
    ),
    ...flags.map((flag) => `${here} ${flagWords(flag)}`),
    ...argumentLines(here, argument),
  ];
}

function flagWords({ names, description, value }: CompletionFlag): string {
  const spelled = names.map((name) =>
    name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`,
  );
  return [...spelled, ...valueWords(value), `-d ${quote(description)}`].join(' ');
}

function valueWords(value: ValueKind | undefined): readonly string[] {
  if (value === undefined) return [];
  if (value === 'path') return ['-r', '-F'];
  return typeof value === 'string' ? ['-x'] : ['-x', `-a ${quote(value.join(' '))}`];
}

function argumentLines(here: string, argument: ValueKind | undefined): readonly string[] {
  if (argument === undefined || argument === 'any') return [];
  if (argument === 'path') return [`${here} -F`];
  if (argument !== 'command') return [`${here} -a ${quote(argument.join(' '))}`];
  const behind = "complete -c torwacht -n '__torwacht_held'";
  return [`${here} -a '(__fish_complete_command)'`, `${behind} -a '(__fish_complete_command)' -F`];
}
