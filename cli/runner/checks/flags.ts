/** Feature flags: a job's own variables set every one that is not final. */
import { documentTitle } from '#policy/title.ts';
import { fail, pass, warn } from '../../findings.ts';
import { ADVANCED } from '../settings.ts';
import type { Check } from './rule.ts';

const name = `feature_flags.${ADVANCED}`;
const FINAL = `Write \`${ADVANCED} = true\` below [runners.feature_flags]: that is final for every job.`;

/**
 * Only [runners.feature_flags] is final (common/build_settings.go): a job's own variables come after `environment`.
 * Where admission puts the barrier in, nothing hangs on the flag.
 */
export const advancedFlag: Check = ({
  runner: { feature_flags: flags = {}, environment = [] },
  binding,
}) => {
  if (binding?.spec.inject === true) {
    return [
      pass(
        name,
        `${documentTitle(binding)} lets admission put the barrier in, whatever ${ADVANCED} is`,
      ),
    ];
  }
  const inEnvironment = environment.some((entry) => entry.startsWith(`${ADVANCED}=`));
  if (flags[ADVANCED] === true) {
    const finding = pass(name, `${ADVANCED} is on, and no job can switch it off`);
    if (!inEnvironment) return [finding];
    return [
      finding,
      warn(
        'environment',
        `environment sets ${ADVANCED} as well, where it decides nothing`,
        'Take it out, so that nobody believes it to be what holds.',
      ),
    ];
  }
  if (flags[ADVANCED] === false) {
    return [fail(name, `${ADVANCED} is off: no pod gets the barrier`, FINAL)];
  }
  const sentence = inEnvironment
    ? `${ADVANCED} stands in environment, and a job's own variable of that name switches it off`
    : `${ADVANCED} is not set: no pod gets the barrier`;
  return [fail(name, sentence, FINAL)];
};
