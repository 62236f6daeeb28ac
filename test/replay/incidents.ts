/** All incidents, in the order of their dates: what the tests replay and docs/incidents.md lists. */
import type { Incident } from './incident.ts';
import { axios } from './incidents/axios/incident.ts';
import { bitwarden } from './incidents/bitwarden/incident.ts';
import { durabletask } from './incidents/durabletask/incident.ts';
import { easyDayJs } from './incidents/easy-day-js/incident.ts';
import { hackerbotClaw } from './incidents/hackerbot-claw/incident.ts';
import { kics } from './incidents/kics/incident.ts';
import { litellm } from './incidents/litellm/incident.ts';
import { miasma } from './incidents/miasma/incident.ts';
import { s1ngularity } from './incidents/s1ngularity/incident.ts';
import { shaiHulud } from './incidents/shai-hulud/incident.ts';
import { shaiHulud2 } from './incidents/shai-hulud-2/incident.ts';
import { tanstack } from './incidents/tanstack/incident.ts';
import { tjActions } from './incidents/tj-actions/incident.ts';
import { trivy } from './incidents/trivy/incident.ts';

export const incidents: readonly Incident[] = [
  tjActions,
  s1ngularity,
  shaiHulud,
  shaiHulud2,
  hackerbotClaw,
  trivy,
  kics,
  litellm,
  axios,
  bitwarden,
  tanstack,
  durabletask,
  miasma,
  easyDayJs,
];
