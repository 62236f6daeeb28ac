/** Links to jobs. A pod says where its job's page is, and a person clicks on it: it leads to a known GitLab or nowhere. */

const LONGEST = 1024;

/**
 * Is it the page of a job of that GitLab, as GitLab Runner writes it (`https://HOST/GROUP/PROJECT/-/jobs/ID`)?
 * @param gitlab address of the instance, as in a RunnerBinding
 */
export function isJobUrl(gitlab: string, text: string): boolean {
  if (text.length > LONGEST || !/^https?:\/\/[A-Za-z0-9.:_~/-]+$/.test(text)) return false;
  const [base, url] = [URL.parse(gitlab), URL.parse(text)];
  // What the parser would change is not what a person sees.
  if (base === null || url === null || url.href !== text || url.origin !== base.origin)
    return false;
  const root = base.pathname.replace(/\/+$/, '');
  return (
    url.pathname.startsWith(`${root}/`) &&
    /^(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*){2,21}\/-\/jobs\/[0-9]{1,20}$/.test(
      url.pathname.slice(root.length),
    )
  );
}
