import { CodedError } from '@lade/errors';

/** runtime-spec config.md, user. */
export interface User {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
}

/** The texts of a root's passwd(5) and group(5); empty where there are none. */
export interface UserFiles {
  readonly passwd: string;
  readonly group: string;
}

export const NO_USERS: UserFiles = { passwd: '', group: '' };

interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

interface Group {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/**
 * Who `user[:group]` is, each by name or by number; '' is root. The groups that list the user come along unless a group is
 * named, as containerd and docker have it. Throws `invalid_argument` for a name that the root does not know.
 */
export function resolveUser(text: string, files: UserFiles): User {
  const [user = '', group] = text === '' ? ['0'] : text.split(/:(.*)/s);
  const account = findAccount(user, parsePasswd(files.passwd));
  const groups = parseGroups(files.group);
  if (group !== undefined && group !== '') {
    const gid = findGroup(group, groups);
    return { uid: account.uid, gid, additionalGids: [gid] };
  }
  const memberships = groups.filter(({ members }) => members.includes(account.name)).map(({ gid }) => gid);
  return { uid: account.uid, gid: account.gid, additionalGids: [...new Set([account.gid, ...memberships])] };
}

function findAccount(user: string, accounts: readonly Account[]): Account {
  const id = parseId(user);
  const account = accounts.find(({ name, uid }) => (id === undefined ? name === user : uid === id));
  if (account) return account;
  if (id === undefined) throw unknownName('user', user, '/etc/passwd');
  return { name: id === 0 ? 'root' : '', uid: id, gid: 0 };
}

function findGroup(group: string, groups: readonly Group[]): number {
  const gid = parseId(group) ?? groups.find(({ name }) => name === group)?.gid;
  if (gid === undefined) throw unknownName('group', group, '/etc/group');
  return gid;
}

function parsePasswd(text: string): Account[] {
  return records(text).flatMap(([name = '', , uid = '', gid = '']) => {
    const [user, group] = [parseId(uid), parseId(gid)];
    return user === undefined || group === undefined ? [] : [{ name, uid: user, gid: group }];
  });
}

function parseGroups(text: string): Group[] {
  return records(text).flatMap(([name = '', , id = '', members = '']) => {
    const gid = parseId(id);
    return gid === undefined ? [] : [{ name, gid, members: members.split(',').filter(Boolean) }];
  });
}

function records(text: string): string[][] {
  return text.split('\n').flatMap((line) => (line === '' || line.startsWith('#') ? [] : [line.split(':')]));
}

/** The kernel keeps the highest one for itself. */
function parseId(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) && Number(text) < 0xff_ff_ff_ff ? Number(text) : undefined;
}

function unknownName(kind: string, name: string, file: string): CodedError {
  return new CodedError('invalid_argument', `Cannot run as ${kind} ${name}: the image’s ${file} has none`, {
    cure: 'Name one that it has, or give a number',
  });
}
