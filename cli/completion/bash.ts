/** The completion for bash: it walks the words before the cursor and looks the rest up in tables. */
import { type CompletionCommand, quote, type ValueKind } from './commands.ts';

export function bashScript(commands: readonly CompletionCommand[]): string {
  return `# bash completion of torwacht; made by \`torwacht completion bash\`

_torwacht_subcommands() {
	case $1 in
${rows(commands, ({ path, subcommands }) =>
  entry(
    path,
    subcommands.map(({ name }) => name),
  ),
)}
	esac
}

_torwacht_flags() {
	case $1 in
${rows(commands, ({ path, flags }) =>
  entry(
    path,
    flags.flatMap(({ names }) => names),
  ),
)}
	esac
}

# What the value of a flag is: path, any, or words; nothing for a flag without one.
_torwacht_value() {
	case $1 in
${rows(commands, valueRows)}
	esac
}

_torwacht_argument() {
	case $1 in
${rows(commands, ({ path, argument }) => (argument === undefined ? '' : entry(path, kindWords(argument))))}
	esac
}

_torwacht_offer() {
	case $1 in
	path)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		compopt -o filenames 2>/dev/null
		;;
	any) ;;
	*) mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur") ;;
	esac
}

# The command that is held is completed as it would be by itself.
_torwacht_held() {
	if declare -F _command_offset >/dev/null; then
		_command_offset "$1"
	elif [ "$COMP_CWORD" -eq "$1" ]; then
		mapfile -t COMPREPLY < <(compgen -c -- "$cur")
	else
		_torwacht_offer path
	fi
}

_torwacht() {
	local cur=\${COMP_WORDS[COMP_CWORD]} path=torwacht value='' word argument i
	COMPREPLY=()
	[ "$cur" = = ] && cur=
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=\${COMP_WORDS[i]}
		if [ -n "$value" ]; then
			[ "$word" = = ] || value=
		elif [ "$word" = -- ]; then
			((i++))
			break
		elif [[ $word == -* ]]; then
			value=$(_torwacht_value "$path $word")
		elif [[ " $(_torwacht_subcommands "$path") " == *" $word "* ]]; then
			path="$path $word"
		elif [ "$(_torwacht_argument "$path")" = command ]; then
			break
		fi
	done
	argument=$(_torwacht_argument "$path")
	if [ -n "$value" ]; then
		_torwacht_offer "$value"
	elif [ "$argument" = command ] && { [ "$i" -lt "$COMP_CWORD" ] || [ "\${COMP_WORDS[i-1]}" = -- ]; }; then
		_torwacht_held "$i"
	elif [[ $cur == -* ]]; then
		_torwacht_offer "$(_torwacht_flags "$path")"
	elif [ "$argument" = command ]; then
		_torwacht_held "$COMP_CWORD"
	else
		_torwacht_offer "\${argument:-$(_torwacht_subcommands "$path")}"
	fi
}

complete -F _torwacht torwacht
`;
}

function rows(
  commands: readonly CompletionCommand[],
  row: (command: CompletionCommand) => string,
): string {
  return commands
    .map(row)
    .filter((text) => text !== '')
    .join('\n');
}

function entry(key: string, words: readonly string[]): string {
  return words.length === 0 ? '' : `\t${quote(key)}) echo ${quote(words.join(' '))} ;;`;
}

function valueRows({ path, flags }: CompletionCommand): string {
  return flags
    .flatMap(({ names, value }) =>
      value === undefined ? [] : names.map((name) => entry(`${path} ${name}`, kindWords(value))),
    )
    .join('\n');
}

function kindWords(kind: ValueKind): readonly string[] {
  return typeof kind === 'string' ? [kind] : kind;
}
