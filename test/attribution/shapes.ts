/**
 * Shapes that processes take before they connect, and who each row has to name. `$S` is shape.c's program, `$N` Node, `$A`
 * an address that is refused, `$P` the shape's own port: by it a row is found again. Lines are run one after another
 * by one bash; a pipe into `cat` waits for whoever still holds its end.
 */
export interface Expected {
  /** As the kernel calls the process that made the call; a pattern where its version decides. */
  readonly comm: string | RegExp;
  readonly parent?: string | RegExp;
  /** End of the path that was executed. */
  readonly exe?: RegExp;
  readonly argv?: RegExp;
  readonly uid?: number;
}

export interface Shape extends Expected {
  readonly id: string;
  readonly line: string;
  /** A program text that the line runs, at `$F`. */
  readonly file?: string;
  /** Programs that the line needs and not every machine has. */
  readonly needs?: readonly string[];
  /** A shape of a run of its own, with io_uring allowed. */
  readonly ring?: true;
}

const shape = (id: string, expected: Partial<Shape> = {}): Shape => ({
  id,
  comm: 'shape',
  parent: 'bash',
  exe: /\/shape$/,
  line: `$S ${id} $A $P`,
  ...expected,
});
const other = { comm: 'other', exe: /\/other$/ };
const tcp = '/dev/tcp/$A/$P';
const bash = { comm: 'bash', exe: /\/bash$/ };
const node = { comm: /^node(-MainThread)?$/, exe: /\/node$/ };
const connect = `require('net').connect($P, '$A').on('error', () => {})`;
const perl = `use Socket;
sub try { socket(S, PF_INET, SOCK_STREAM, 0); connect(S, sockaddr_in($P, inet_aton('$A'))); }
`;
const python = `import os, socket, subprocess, threading
def attempt(): socket.socket().connect_ex(('$A', $P))
`;

export const shapes: readonly Shape[] = [
  shape('try'),
  shape('datagram'),
  shape('fork', { parent: 'shape' }),
  shape('exec', other),
  shape('fork-exec', { ...other, parent: 'shape' }),
  shape('double-fork', { line: '$S double-fork $A $P | cat', parent: 'shape' }),
  shape('daemon', { line: '$S daemon $A $P | cat', parent: 'shape' }),
  shape('subreaper', { line: '$S subreaper $A $P | cat', parent: 'reaper', comm: 'reaper' }),
  shape('thread'),
  shape('named-thread'),
  shape('without-first'),
  shape('thread-exec', other),
  shape('vfork-exec', { ...other, parent: 'shape' }),
  shape('vfork', { parent: 'shape' }),
  shape('spawn', { ...other, parent: 'shape' }),
  // Since 6.14 the file's name, before that the number of the descriptor.
  shape('fexecve', { comm: /^(other|\d+)$/, exe: /^\/dev\/fd\/\d+$|\/other$/ }),
  shape('memfd', { comm: /^(memfd:thing|\d+)$/, exe: /^\/dev\/fd\/\d+$|memfd/ }),
  shape('renamed', { comm: 'kworker/0:1' }),
  shape('renamed-exec', other),
  shape('nobody', { uid: 65534 }),
  shape('clone-parent', { line: '$S clone-parent $A $P | cat' }),
  shape('killed', { parent: 'shape' }),
  shape('handed', { ...other, parent: 'shape' }),
  shape('heir', other),
  shape('socket-of-parent', { parent: 'shape' }),
  shape('ring', { ring: true }),
  shape('polled-ring', { ring: true }),

  // The same program by other ways.
  shape('unlinked', {
    line: 'cp $S gone; ./gone unlinked $A $P',
    comm: 'gone',
    exe: /gone$/,
  }),
  shape('link', { line: 'ln -s $S npm; ./npm try $A $P', comm: 'npm', exe: /npm$/ }),
  shape('false-argv', { line: '(exec -a npm $S try $A $P)', argv: /^npm try/ }),
  shape('long-name', {
    line: 'cp $S a-name-longer-than-fifteen; ./a-name-longer-than-fifteen try $A $P',
    comm: 'a-name-longer-t',
    exe: /a-name-longer-than-fifteen$/,
  }),
  shape('exec-in-shell', { line: '(exec $S try $A $P)' }),
  shape('pipe-begin', { line: '$S try $A $P | cat' }),
  shape('pipe-end', { line: 'echo | $S try $A $P' }),
  shape('background', { line: '$S try $A $P & wait' }),
  shape('substitution', { line: 'true "$($S try $A $P)"' }),
  shape('sh-c', { line: 'sh -c "$S try $A $P; true"', parent: 'sh' }),
  shape('env', { line: 'env -i $S try $A $P' }),
  shape('timeout', { line: 'timeout 60 $S try $A $P', parent: 'timeout' }),
  shape('nohup', { line: 'nohup $S try $A $P' }),
  shape('setsid', { line: 'setsid -w $S try $A $P' }),
  shape('xargs', { line: 'echo try $A $P | xargs $S', parent: 'xargs' }),
  shape('find', { line: 'find . -maxdepth 0 -exec $S try $A $P \\;', parent: 'find' }),
  shape('make', {
    line: 'make -sf $F',
    file: 'all:\n\t@$S try $A $P; true\n',
    parent: 'sh',
    needs: ['make'],
  }),

  // Interpreters: the process is who interprets.
  { id: 'bash', line: `bash -c 'exec 3<>${tcp}; true'`, ...bash, parent: 'bash' },
  { id: 'subshell', line: `(exec 3<>${tcp}; true)`, ...bash, parent: 'bash' },
  { id: 'coproc', line: `coproc { exec 3<>${tcp}; }; wait`, ...bash, parent: 'bash' },
  {
    id: 'trap',
    line: `bash -c 'trap "exec 3<>${tcp}" EXIT; true'`,
    ...bash,
    parent: 'bash',
  },
  {
    id: 'script',
    line: 'chmod +x $F; $F',
    file: `#!/bin/bash\nexec 3<>${tcp}\n`,
    comm: 'script',
    exe: /\/script$/,
    parent: 'bash',
  },
  {
    id: 'busybox',
    line: 'busybox nc -w 1 $A $P < /dev/null',
    comm: 'busybox',
    exe: /\/busybox$/,
    parent: 'bash',
  },
  {
    id: 'busybox-applet',
    line: 'ln -sf "$(command -v busybox)" wget; ./wget -q -O /dev/null http://$A:$P/',
    comm: 'wget',
    exe: /wget$/,
    parent: 'bash',
  },
  { id: 'node', line: '$N $F', file: connect, ...node, parent: 'bash' },
  {
    id: 'node-worker',
    line: '$N $F',
    file: `const { isMainThread, Worker } = require('worker_threads');
if (isMainThread) new Worker(__filename); else ${connect};`,
    ...node,
    parent: 'bash',
  },
  {
    id: 'node-child',
    line: '$N $F',
    file: `require('child_process').execFileSync('$S', ['try', '$A', '$P'])`,
    comm: 'shape',
    exe: /\/shape$/,
    parent: 'node',
  },
  {
    id: 'node-shell',
    line: '$N $F',
    file: `require('child_process').execSync('$S try $A $P; true')`,
    comm: 'shape',
    exe: /\/shape$/,
    parent: 'sh',
  },
  {
    id: 'perl',
    line: 'perl $F',
    file: `${perl}try;`,
    comm: 'perl',
    exe: /\/perl$/,
    parent: 'bash',
  },
  {
    id: 'perl-fork',
    line: 'perl $F',
    file: `${perl}if (fork) { wait } else { try }`,
    comm: 'perl',
    exe: /\/perl$/,
    parent: 'perl',
  },
  {
    id: 'perl-renamed',
    line: 'perl $F',
    file: `${perl}$0 = 'sshd'; try;`,
    comm: 'sshd',
    exe: /\/perl$/,
    parent: 'bash',
  },
  {
    id: 'python',
    line: 'python3 $F',
    file: `${python}attempt()`,
    comm: /^python3/,
    parent: 'bash',
  },
  {
    id: 'python-thread',
    line: 'python3 $F',
    file: `${python}t = threading.Thread(target=attempt); t.start(); t.join()`,
    comm: /^python3/,
    parent: 'bash',
  },
  {
    id: 'python-fork',
    line: 'python3 $F',
    file: `${python}child = os.fork()
if child: os.waitpid(child, 0)
else: attempt()`,
    comm: /^python3/,
    parent: /^python3/,
  },
  {
    id: 'python-shell',
    line: 'python3 $F',
    file: `${python}subprocess.run('$S try $A $P; true', shell=True)`,
    comm: 'shape',
    parent: 'sh',
  },
];
