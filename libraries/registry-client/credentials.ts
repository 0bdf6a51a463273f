/** What a registry, or its token server, knows somebody by. */
export type RegistryCredentials =
  | { readonly username: string; readonly password: string }
  /** For the token server alone (OAuth2 refresh token). */
  | { readonly identityToken: string };

/** Where credentials come from. */
export interface CredentialSource {
  /** What to do so that it has some, as an imperative sentence. */
  cureFor(registry: string): string;
  /** Undefined where it has none for this registry. */
  find(
    registry: string,
    options: { readonly signal?: AbortSignal },
  ): Promise<RegistryCredentials | undefined>;
}
