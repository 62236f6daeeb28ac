/** The completion for zsh: one function a command, on zsh's own `_arguments`. */
import { type CompletionCommand, type CompletionFlag, quote, type ValueKind } from './commands.ts';

export function zshScript(commands: readonly CompletionCommand[]): string {
  return `#compdef torwacht
# zsh completion of torwacht; made by \`torwacht completion zsh\`

${commands.map(commandFunction).join('\n')}
if [ "$funcstack[1]" = _torwacht ]; then
	_torwacht "$@"
else
	compdef _torwacht torwacht
fi
`;
}

function functionName(path: string): string {
  return `_${path.replaceAll(/\W+/g, '_')}`;
}

function commandFunction({ path, subcommands, flags, argument }: CompletionCommand): string {
  const specs = flags.flatMap(flagSpecs);
  if (subcommands.length === 0) {
    const lines = [...specs, ...argumentSpecs(argument)].map((spec) => ` \\\n\t\t${spec}`).join('');
    return `${functionName(path)}() {\n\t_arguments -S${lines}\n}\n`;
  }
  const names = subcommands.map(({ name, description }) =>
    quote(`${name}:${description.replaceAll(':', '\\:')}`),
  );
  const known = subcommands.map(({ name }) => {
    const target = name === 'help' ? ':' : functionName(`${path} ${name}`);
    return `\t\t${name}) ${target} ;;`;
  });
  return `${functionName(path)}() {
	local state line
	local -a commands=(
${names.map((name) => `\t\t${name}`).join('\n')}
	)
	_arguments -C${specs.map((spec) => ` \\\n\t\t${spec}`).join('')} \\
		'1: :->command' \\
		'*:: :->rest'
	case $state in
	command) _describe command commands ;;
	rest)
		case $line[1] in
${known.join('\n')}
		esac
		;;
	esac
}
`;
}

/** One spec for each name: the names of one flag exclude each other unless it may be repeated. */
function flagSpecs({ names, description, value, repeatable }: CompletionFlag): readonly string[] {
  const others = repeatable ? '*' : `(${names.join(' ')})`;
  const text = description.replaceAll(/[[\]\\]/g, '\\$&');
  return names.map((name) => quote(`${others}${name}[${text}]${valueSpec(value)}`));
}

function valueSpec(value: ValueKind | undefined): string {
  if (value === undefined) return '';
  if (value === 'path') return ':path:_files';
  return typeof value === 'string' ? ':value: ' : `:value:(${value.join(' ')})`;
}

function argumentSpecs(argument: ValueKind | undefined): readonly string[] {
  if (argument === undefined) return [];
  if (argument === 'command') {
    return ["'(-)1:command:_command_names -e'", "'*::argument:_normal'"];
  }
  if (argument === 'path') return ["'*:path:_files'"];
  return [typeof argument === 'string' ? "'*:value: '" : quote(`1:value:(${argument.join(' ')})`)];
}
