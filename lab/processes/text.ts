/** What `npm run cluster` prints: the nodes, what can be done with them, and how one ended. */
import { readFileSync } from 'node:fs';
import { dataDirectory } from '../../src/config.ts';
import { oneLine } from '../../src/user-error.ts';
import { textTable } from '../report/table.ts';
import { shownPath } from '../sweep/output-directory.ts';
import type { Ended, ProcessMember } from './process-member.ts';

/** A line per node; what does not fit is left out, the data first. */
export function memberTable(members: readonly ProcessMember[], columns: number): string {
  const cells = (of: (member: ProcessMember) => string): string[] => members.map(of);
  const lines = textTable(
    [
      { head: 'id', cells: cells(({ id }) => id), left: true },
      { head: 'url', cells: cells(({ publicUrl }) => publicUrl), left: true, drop: 1 },
      { head: 'pid', cells: cells(({ pid }) => String(pid ?? '–')) },
      { head: 'data', cells: cells(({ dataDir }) => shownPath(dataDir)), left: true, drop: 2 },
    ],
    columns,
  );
  return lines.join('\n');
}

/** Commands to copy. */
export function clusterHints(members: readonly ProcessMember[]): string {
  const [first, last] = [members[0], members.at(-1)];
  if (first === undefined || last === undefined) return '';
  return [
    `write:  ${curlOf(first, '-L ')}/items/abc \\`,
    "          -H 'Content-Type: application/json' -d '{\"value\":123}'",
    `read:   ${curlOf(last)}/items/abc`,
    `health: ${curlOf(first)}/health`,
    `add:    npm run cluster -- --join${first.port === 8001 ? '' : ` --port ${first.port}`}`,
    'stop:   Ctrl-C',
  ].join('\n');
}

/** Up to a path. */
function curlOf({ authority, publicUrl }: ProcessMember, flags = '', url = publicUrl): string {
  const trust = authority === null ? '' : `--cacert ${shownPath(authority)} `;
  return `curl ${trust}${flags}${url.replace('http://', '')}`;
}

/** While the server at `leaderUrl` leads. */
export function joinHints(member: ProcessMember, leaderUrl: string): string {
  return [
    `remove: ${curlOf(member, '', leaderUrl)}/raft/leave \\`,
    `          -H 'Content-Type: application/json' -d '{"peer":"${member.id}"}'`,
    'stop:   Ctrl-C',
  ].join('\n');
}

/** Its data directory cannot be gone on with, and the end of its log says what to do first. */
const STATUSES_OF_DATA = [3, 4];

/** How a node ended that nobody asked to, and the command that starts it again if one does. */
export function endText(member: ProcessMember, { code, signal }: Ended): string {
  const how = signal === null ? `ended with status ${code}` : `was ended by ${signal}`;
  const { id, publicUrl, dataDir, logFile, tokenFile } = member;
  const place = dataDir === dataDirectory('.data', id) ? '' : ` --data-dir ${shownPath(dataDir)}`;
  const ended = `${id} ${how}; the end of ${shownPath(logFile)}: ${endOfLog(member)}`;
  if (code !== null && STATUSES_OF_DATA.includes(code)) return ended;
  const token =
    tokenFile === null ? '' : ` \\\n           --cluster-token-file ${shownPath(tokenFile)}`;
  return [
    ended,
    `  again: npm run node -- --node-id ${id} \\`,
    `           --public-url ${publicUrl}${place}${token}`,
  ].join('\n');
}

function endOfLog({ lastWords, logFile }: ProcessMember): string {
  if (lastWords !== '') return oneLine(lastWords.split('\n').at(-1) ?? '');
  try {
    const line = readFileSync(logFile, 'utf8').trimEnd().split('\n').at(-1) ?? '';
    const { time, msg } = JSON.parse(line);
    return `${time} ${msg}`;
  } catch {
    return 'nothing';
  }
}
