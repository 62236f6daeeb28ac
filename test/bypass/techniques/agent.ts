/** What holds the command, as a target of the command: torwacht's process, its port, its policy. */
import type { Group, Technique } from '../technique.ts';
import { die, dieAndBeReplaced, kill, takePort, trace } from './agent-stories.ts';
import { byHardLink, byLink, byRename, byWriting, fromOutside } from './policy-stories.ts';

const address = (n: number) => `198.51.100.${n}`;
export const GOOD = 'good.example.test';

const techniques: readonly Technique[] = [
  {
    id: 'kill-agent',
    title: 'Killing or stopping the agent',
    how: 'Whoever ends or stops the process that enforces is free, where nothing goes on without it.',
    source: 'egress-filter README; Harden-Runner, CargoWall: open after the agent’s end',
    outcome: 'stopped',
    by: 'The agent is outside of the command’s PID namespace: no number that the command can name is its process.',
    stories: {
      'SIGKILL and SIGSTOP by pid, as root and as a user': kill(address(1)),
      'it dies all the same (out of memory, an operator): refusals go on': die(address(2)),
    },
  },
  {
    id: 'trace-agent',
    title: 'Tracing the agent, or taking its files',
    how: 'A process is read and changed by ptrace, /proc/<pid>/mem, process_vm_readv and pidfd_getfd.',
    source: 'cimon-action README (memory reads); ptrace(2), pidfd_getfd(2)',
    outcome: 'stopped',
    by: 'Processes outside have no pid inside, and /proc shows none of them.',
    stories: { 'as root and as a user': trace },
  },
  {
    id: 'resolver-port',
    title: 'Taking or joining the resolver’s port',
    how: 'A socket that shares the port gets questions that are meant for the resolver, and may answer them.',
    source: 'SO_REUSEPORT, socket(7)',
    outcome: 'stopped',
    by: 'The bind hooks refuse that port on every address; the resolver takes its own target’s packets alone.',
    stories: { 'bind, join, and ask it from another target': takePort },
  },
  {
    id: 'resolver-port-after-death',
    title: 'Taking the resolver’s port after a crash',
    how: 'A program outside waits for the port to be free, and then takes what the command sends to its resolver.',
    source: 'bind(2)',
    outcome: 'limit',
    by: 'The command cannot take it itself. Someone outside who waits for it can, and needs none of it to send.',
    limit: 'The resolver’s port is free then',
    stories: { 'the command cannot, a program outside can': dieAndBeReplaced },
  },
  {
    id: 'edit-policy',
    title: 'Editing the policy',
    how: 'The command writes to the policy, or to a folder or link on its way, while it is followed.',
    source: 'Egret SECURITY (policy from the change that it judges)',
    outcome: 'stopped',
    by: 'A policy that the command could change is read once, at the start; elsewhere nothing can be written.',
    stories: {
      'control: the same edit from outside is in force': fromOutside(address(3)),
      'writing to it': byWriting(address(4)),
      'putting another one in its place': byRename(address(5)),
      'turning a link on the way': byLink(address(6)),
      'through a second name of the file': byHardLink(address(7)),
    },
  },
];

export const agent: Group = {
  label: 'agent',
  policy: { allow: [{ fqdn: [GOOD] }] },
  techniques,
  furnish: async (lab) => {
    const listeners = Array.from({ length: 7 }, (_, at) => address(at + 1));
    const answers = [{ type: 'A' as const, name: GOOD, ttl: 60, data: '192.0.2.20' }];
    return {
      dns: [await lab.scriptedDns({ names: { [GOOD]: [{ answers }] } })],
      sinks: [await lab.sink(listeners.map((at) => ({ kind: 'tcp', address: at, port: 8000 })))],
    };
  },
};
