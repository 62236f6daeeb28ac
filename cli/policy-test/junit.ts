/** Outcomes as JUnit XML, as GitLab and others read it (`artifacts:reports:junit`): a testcase an expectation. */
import { placeText } from '../policy/problems.ts';
import type { Outcome, Tested, TestedSuite } from './judge.ts';

export function junit(suites: readonly TestedSuite[]): string {
  const all = suites.flatMap(({ tests }) => tests.flatMap(({ outcomes }) => outcomes));
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="torwacht policy test" ${counts(all)}>
${suites.map(suiteXml).join('')}</testsuites>
`;
}

function suiteXml({ name, file, tests }: TestedSuite): string {
  const all = tests.flatMap(({ outcomes }) => outcomes);
  const cases = tests.flatMap((test) => test.outcomes.map((outcome) => caseXml(test, outcome)));
  return `  <testsuite name="${escaped(name)}" file="${escaped(file)}" ${counts(all)}>
${cases.join('')}  </testsuite>
`;
}

function caseXml({ name }: Tested, outcome: Outcome): string {
  const { text, place, passed, sentence, notes } = outcome;
  const open = `    <testcase classname="${escaped(name)}" name="${escaped(text)}" file="${escaped(place.file)}" line="${place.line}"`;
  if (passed) return `${open}/>\n`;
  const lines = [`${placeText(place)}: ${text}: ${sentence}`, ...notes];
  return `${open}>
      <failure message="${escaped(sentence)}">${escaped(lines.join('\n'))}</failure>
    </testcase>
`;
}

function counts(outcomes: readonly Outcome[]): string {
  const failed = outcomes.filter(({ passed }) => !passed).length;
  return `tests="${outcomes.length}" failures="${failed}" errors="0" skipped="0"`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\n': '&#10;',
};

/** What XML 1.0 cannot hold at all (production 2, Char) is shown as U+FFFD. */
function escaped(text: string): string {
  return text
    .replaceAll(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '\u{fffd}')
    .replaceAll(/[&<>"\n]/g, (unit) => entities[unit] ?? unit);
}
