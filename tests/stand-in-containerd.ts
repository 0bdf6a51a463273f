import { GrpcServer } from '@lade/grpc';
import { CodedError } from '@lade/errors';
import { Introspection } from '@lade/protocol/introspection';
import { Version } from '@lade/protocol/version';

/**
 * What a containerd that no distribution has yet tells of itself: its version, and that it knows these capabilities of Lade.
 * It has no content: that is with Lade.
 */
export async function standInContainerd(
  address: string,
  { version, capabilities }: { readonly version: string; readonly capabilities: readonly string[] },
): Promise<AsyncDisposable> {
  const server = new GrpcServer();
  server.add(Version, { version: async () => ({ version, revision: 'stand-in' }) });
  const lade = { type: 'io.containerd.snapshotter.v1', id: 'lade', capabilities: [...capabilities] };
  server.add(Introspection, {
    plugins: async ({ filters }) => ({
      plugins: filters.includes(`type==${lade.type},id==${lade.id}`) ? [lade] : [],
    }),
    server: async () => ({ uuid: 'stand-in' }),
    pluginInfo: async () => {
      throw new CodedError('unimplemented', 'Cannot tell of plugins: this is a stand-in');
    },
  });
  await server.listen(address);
  return server;
}
