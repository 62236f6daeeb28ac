/** Made-up secrets of a job, and how they are found again in whatever clothes. */

/** Obviously nobody's; `tag` makes those of two runs differ. */
export function fakeSecrets(tag: string): Readonly<Record<string, string>> {
  return {
    CI_JOB_TOKEN: `glcbt-replay-${tag}-not-a-real-token`,
    GITHUB_TOKEN: `ghs-replay-${tag}-not-a-real-token`,
    NPM_TOKEN: `npm-replay-${tag}-not-a-real-token`,
  };
}

/** What all secrets of a run have in common, long enough to be no accident. */
export function markOf(tag: string): string {
  return `replay-${tag}-not-a-real`;
}

/** How often base64 was put around base64 in these incidents, at most. */
const LAYERS = 3;

/** Does the text hold the mark: as it is, in hex, or in base64, up to three times over? */
export function holds(text: string, mark: string): boolean {
  const lower = text.toLowerCase();
  if (lower.includes(Buffer.from(mark).toString('hex'))) return true;
  let forms = [mark];
  for (let layer = 0; layer <= LAYERS; layer++) {
    if (forms.some((form) => text.includes(form))) return true;
    forms = forms.flatMap(inBase64);
  }
  return false;
}

/** The three ways in which a text can stand within base64, without what its neighbours decide. */
function inBase64(text: string): string[] {
  return [0, 1, 2].map((before) => {
    const padded = Buffer.concat([Buffer.alloc(before), Buffer.from(text)]);
    const whole = padded.toString('base64').replace(/=+$/, '');
    const end = padded.length % 3 === 0 ? whole.length : whole.length - 1;
    return whole.slice(Math.ceil((before * 8) / 6), end);
  });
}
