/** Errors of the commands that ask the operator: `torwacht suggest` and `torwacht alerts`. */
import type { ErrorSpec } from '#api/error.ts';

export const errors = {
  nothing: {
    code: 'TW_SUGGEST_NOTHING',
    message: 'Nothing is known of {who}.',
    hint: 'Run the job once under a RunnerBinding with `mode: Observe` or `Block`, and check the numbers; `torwacht suggest` without --project lists what is known.',
    exit: 'usage',
  },
  number: {
    code: 'TW_SUGGEST_NUMBER',
    message: '{text} is no number of runs.',
    hint: 'Give a whole number from 1 to 100.',
    exit: 'usage',
  },
  forbidden: {
    code: 'TW_ASK_FORBIDDEN',
    message: 'These credentials may not ask the operator: {reason}',
    hint: 'Bind the Role `torwacht-reader` in namespace {namespace} to whom you are: `kubectl -n {namespace} create rolebinding NAME --role=torwacht-reader --user=YOU`.',
    exit: 'cluster',
  },
  noHistory: {
    code: 'TW_ASK_NO_HISTORY',
    message: 'The operator keeps no history.',
    hint: 'Start it with `--history` (docs/history.md), or give files of events.',
    exit: 'cluster',
  },
  absent: {
    code: 'TW_ASK_ABSENT',
    message: 'Namespace {namespace} has no operator that answers: {reason}',
    hint: 'Is it installed there (`kubectl apply -k config/default`), does it run, and is it this namespace (--operator-namespace)?',
    exit: 'cluster',
  },
  failed: {
    code: 'TW_ASK_FAILED',
    message: 'The operator cannot answer: {reason}',
    hint: 'Try again; `kubectl -n {namespace} logs deployment/torwacht-operator` says why.',
    exit: 'cluster',
  },
  noRoute: {
    code: 'TW_ALERTS_NO_ROUTE',
    message: 'RunnerBinding {binding} has no alert route{name}.',
    hint: '`kubectl get runnerbinding` lists bindings; routes stand in `spec.alerts` (docs/alerts.md).',
    exit: 'usage',
  },
} as const satisfies Record<string, ErrorSpec>;
