import { CodedError } from '@lade/errors';
import type { ContainerWork } from '../container-work.ts';

const none = (id: string): CodedError => new CodedError('not_found', `Cannot find container ${id}`);

/** A node without containers. */
export const NO_CONTAINERS: ContainerWork = {
  list: async () => [],
  async get(id) {
    throw none(id);
  },
  // oxlint-disable-next-line require-yield
  async *run({ image }) {
    throw none(image);
  },
  // oxlint-disable-next-line require-yield
  async *exec(id) {
    throw none(id);
  },
  // oxlint-disable-next-line require-yield
  async *logs(id) {
    throw none(id);
  },
  async stop(id) {
    throw none(id);
  },
  async remove(id) {
    throw none(id);
  },
  sessions: {
    async write(session) {
      throw none(session);
    },
    async resize(session) {
      throw none(session);
    },
  },
};
