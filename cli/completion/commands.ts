/** What a completion has to know of a command line: the program's commands as plain data. */
import type { Argument, Command, Option } from 'commander';

/** What a value is: a path, one of a few words, a command line of its own, or anything. */
export type ValueKind = 'path' | 'command' | 'any' | readonly string[];

export interface CompletionFlag {
  /** `--policy`, `-p`: as many as it has. */
  readonly names: readonly string[];
  readonly description: string;
  /** Undefined for a flag without a value. */
  readonly value?: ValueKind;
  readonly repeatable: boolean;
}

export interface CompletionCommand {
  /** Words that lead to it: `torwacht policy check`. */
  readonly path: string;
  readonly description: string;
  readonly subcommands: readonly { readonly name: string; readonly description: string }[];
  readonly flags: readonly CompletionFlag[];
  /** Undefined when it takes no arguments. */
  readonly argument?: ValueKind;
}

export interface CompletionOptions {
  /** Words that an argument can be, by the path of its command, where the program takes any. */
  readonly words?: Readonly<Record<string, readonly string[]>>;
}

/** Every command of the program, the program itself first. */
export function commandsOf(
  program: Command,
  options: CompletionOptions = {},
  path = program.name(),
): readonly CompletionCommand[] {
  const help = program.createHelp();
  const visible = help.visibleCommands(program);
  const children = program.commands.filter((child) => visible.includes(child));
  const [first] = program.registeredArguments;
  const argument = options.words?.[path] ?? (first === undefined ? undefined : kindOf(first));
  const own: CompletionCommand = {
    path,
    description: program.description(),
    subcommands: visible.map((child) => ({
      name: child.name(),
      description: child.description(),
    })),
    flags: help.visibleOptions(program).map(flagOf),
    ...(argument === undefined ? {} : { argument }),
  };
  return [
    own,
    ...children.flatMap((child) => commandsOf(child, options, `${path} ${child.name()}`)),
  ];
}

function flagOf(option: Option): CompletionFlag {
  const names = [option.long, option.short].filter((name) => name !== undefined && name !== null);
  const placeholder = /[<[]([\w-]+)/.exec(option.flags)?.[1];
  const value = option.argChoices ?? (isPath(placeholder) ? 'path' : 'any');
  return {
    names,
    description: option.description,
    repeatable: /\(repeatable\)/.test(option.description),
    ...(option.required || option.optional ? { value } : {}),
  };
}

function kindOf(argument: Argument): ValueKind {
  if (argument.argChoices !== undefined) return argument.argChoices;
  if (argument.name() === 'command') return 'command';
  return isPath(argument.name()) ? 'path' : 'any';
}

function isPath(name: string | undefined): boolean {
  return name === 'path' || name === 'file';
}

/** One word of a shell, whatever is in it. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
