/** What can go wrong before, around and after the sandbox of `torwacht run`. */
import type { ErrorSpec } from '#api/error.ts';

export const errors = {
  noProgram: {
    code: 'TW_RUN_NO_PROGRAM',
    message: 'The program {program} is not installed.',
    hint: 'Install the package {package} with the package manager of this system.',
    exit: 'host',
  },
  sandboxFailed: {
    code: 'TW_RUN_SANDBOX',
    message:
      'The sandbox could not be made (bwrap ended with {status}); the command did not start.',
    hint: 'The line that bwrap printed above says at which path; inside a container, run it with the right to make namespaces and mounts.',
    exit: 'host',
  },
  cannotStart: {
    code: 'TW_RUN_START',
    message: '{program} cannot be started.',
    hint: 'Check that it exists, may be executed, and that the process limit is not reached.',
    exit: 'host',
  },
  noWorkingFolder: {
    code: 'TW_RUN_NO_WORKING_FOLDER',
    message: 'The working folder does not exist any more.',
    hint: 'Change to a folder that exists and start again.',
    exit: 'usage',
  },
  noUser: {
    code: 'TW_RUN_NO_USER',
    message: 'There is no user {user} on this host.',
    hint: 'Give a name or number that `getent passwd` knows.',
    exit: 'usage',
  },
  allowWrite: {
    code: 'TW_RUN_ALLOW_WRITE',
    message: '{path} cannot be made writable: {reason}.',
    hint: 'Name the folder that the command has to write to, not one that holds the system.',
    exit: 'usage',
  },
  allowRead: {
    code: 'TW_RUN_ALLOW_READ',
    message: '{path} cannot be shown: {reason}.',
    hint: 'Name a folder or file below /tmp or /var/tmp; the rest of the system can be read anyway.',
    exit: 'usage',
  },
  allowSocket: {
    code: 'TW_RUN_ALLOW_SOCKET',
    message: '{path} is not a socket.',
    hint: 'Give the full path of a unix socket that exists when the command starts.',
    exit: 'usage',
  },
  allowCapability: {
    code: 'TW_RUN_ALLOW_CAPABILITY',
    message: 'The capability {name} cannot be given: {reason}.',
    hint: 'capabilities(7) lists the names; those that would end the enforcement are never given.',
    exit: 'usage',
  },
  allowFamily: {
    code: 'TW_RUN_ALLOW_FAMILY',
    message: 'The socket family {name} is not known.',
    hint: 'Known families: {known}.',
    exit: 'usage',
  },
  noConfig: {
    code: 'TW_RUN_NO_CONFIG',
    message: 'torwacht was started for user {user}, and {path} does not exist.',
    hint: 'As root, write {path} (kind RunConfig) and name the policy in spec.policy; docs/run.md has an example.',
    exit: 'policy',
  },
  badConfig: {
    code: 'TW_RUN_CONFIG',
    message: '{path}:{line}:{column}: {problem}',
    hint: 'Correct the file as root; `kind: RunConfig` of torwacht.io/v1alpha1 has spec.policy, spec.allow and spec.trustedUsers.',
    exit: 'policy',
  },
  notRootOwned: {
    code: 'TW_RUN_NOT_ROOT_OWNED',
    message: '{path} {problem}, so someone else than root could change what is in force.',
    hint: 'As root: `chown root:root {path}` and `chmod go-w {path}`; put a real file or folder in the place of a link.',
    exit: 'policy',
  },
  notDelegated: {
    code: 'TW_RUN_NOT_TRUSTED',
    message: 'User {user} may not choose {what} when root runs the sandbox.',
    hint: 'Leave it out, or have root set it in {path}, or list the user there under spec.trustedUsers.',
    exit: 'policy',
  },
  output: {
    code: 'TW_RUN_OUTPUT',
    message: 'The output file {path} cannot be opened as user {uid}.',
    hint: 'Name a plain file in a folder that this user may write to; links are not followed.',
    exit: 'usage',
  },
} as const satisfies Record<string, ErrorSpec>;
