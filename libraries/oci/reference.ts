import { CodedError } from '@lade/errors';
import { isDigest, type Digest } from './digest.ts';

/** What names an image, by the grammar of distribution's references. */
export interface Reference {
  /** In full, as containerd has it: "docker.io/library/python:3.13". */
  readonly name: string;
  /** "docker.io", "localhost:5000", "[::1]:5000". */
  readonly registry: string;
  /** "library/python". */
  readonly repository: string;
  /** "latest" where the text has neither a tag nor a digest. */
  readonly tag?: string;
  /** Says which content is meant, whatever the tag points at. */
  readonly digest?: Digest;
}

const HOST =
  /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:.]+\])(?::\d+)?$/i;
const REPOSITORY = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const MAX_NAME = 255;

/**
 * Reads what people write for an image, such as "python:3.13" or "localhost:5000/app@sha256:…". Throws `invalid_argument`, naming
 * the part that is wrong.
 */
export function parseReference(text: string): Reference {
  const refuse = (state: string): CodedError =>
    new CodedError(
      'invalid_argument',
      `Cannot use ${JSON.stringify(text)} as the name of an image: ${state}`,
      {
        cure: 'Write [REGISTRY[:PORT]/]REPOSITORY[:TAG][@sha256:DIGEST], such as docker.io/library/python:3.13',
      },
    );
  const [named = '', ...digests] = text.split('@');
  const [digest] = digests;
  const [, path = '', tag] = /^(.*?)(?::([^:/]*))?$/s.exec(named) ?? [];
  const { registry, repository } = splitHost(path);
  if (path === '') throw refuse('it has no repository');
  if (!HOST.test(registry)) throw refuse(`${JSON.stringify(registry)} is no registry`);
  if (!REPOSITORY.test(repository)) throw refuse(describeRepository(repository));
  if (/^[0-9a-f]{64}$/.test(path)) throw refuse('64 hex digits are the id of an image, not its name');
  if (registry.length + repository.length >= MAX_NAME)
    throw refuse(`registry and repository have more than ${MAX_NAME} characters`);
  if (tag !== undefined && !TAG.test(tag)) throw refuse(`${JSON.stringify(tag)} is no tag`);
  if (digests.length > 1 || (digest !== undefined && !isDigest(digest)))
    throw refuse(`${JSON.stringify(digests.join('@'))} is no sha256 digest`);
  const version = tag ?? (digest === undefined ? 'latest' : undefined);
  return {
    name: [
      `${registry}/${repository}`,
      ...(version === undefined ? [] : [`:${version}`]),
      ...(digest === undefined ? [] : [`@${digest}`]),
    ].join(''),
    registry,
    repository,
    ...(version === undefined ? {} : { tag: version }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** The part before the first slash is a host only where no repository could begin so. */
function splitHost(path: string): { readonly registry: string; readonly repository: string } {
  const slash = path.indexOf('/');
  const first = path.slice(0, Math.max(0, slash));
  const isHost = /[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase();
  const [host, rest] = isHost ? [first, path.slice(slash + 1)] : ['docker.io', path];
  if (host !== 'docker.io' && host !== 'index.docker.io') return { registry: host, repository: rest };
  return { registry: 'docker.io', repository: rest.includes('/') ? rest : `library/${rest}` };
}

function describeRepository(repository: string): string {
  const quoted = JSON.stringify(repository);
  if (/[A-Z]/.test(repository)) return `repository ${quoted} has upper-case letters`;
  return `${quoted} is no repository`;
}
