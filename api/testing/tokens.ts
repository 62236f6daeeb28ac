/** A made-up token of each shape that is masked; none was ever valid. */

const letters = (count: number): string =>
  'abcdefghijklmnopqrstuvwxyz234567'.repeat(4).slice(0, count);
const mixed = (count: number): string => 'Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0'.repeat(4).slice(0, count);

export const exampleTokens: ReadonlyMap<string, string> = new Map([
  ['GitLab, personal', `glpat-${mixed(20)}`],
  ['GitLab, routable', `glpat-${mixed(27)}.01.0z1x2c3v4`],
  ['GitLab, job', `glcbt-64_${mixed(20)}`],
  ['GitLab, deploy', `gldt-${mixed(20)}`],
  ['GitLab, runner', `glrt-${mixed(20)}`],
  ['GitLab, trigger', `glptt-${mixed(40)}`],
  ['GitLab, registration', `GR1348941${mixed(20)}`],
  ['GitHub, classic', `ghp_${mixed(36)}`],
  ['GitHub, installation', `ghs_${mixed(36)}`],
  ['GitHub, fine-grained', `github_pat_${mixed(22)}_${mixed(59)}`],
  ['npm', `npm_${mixed(36)}`],
  ['PyPI', `pypi-AgEIcHlwaS5vcmc${mixed(60)}`],
  ['AWS', `AKIA${letters(16).toUpperCase()}`],
  ['AWS, temporary', `ASIA${letters(16).toUpperCase()}`],
  ['Slack, bot', `xoxb-1234567890-${mixed(24)}`],
  ['Slack, app', `xapp-1-A0-${mixed(24)}`],
  ['Docker Hub', `dckr_pat_${mixed(27)}`],
  ['Stripe', `sk_live_${mixed(24)}`],
  ['Google', `AIza${mixed(35)}`],
  ['Vault', `hvs.${mixed(24)}`],
  ['JWT', `eyJ${mixed(30)}.eyJ${mixed(40)}.${mixed(43)}`],
]);
