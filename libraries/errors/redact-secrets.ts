const USER_INFO = /\b([a-z][a-z0-9+.-]*:\/\/)[^/\s@]+@/gi;
const SECRET_PARAMETER =
  /([?&;\s](?:access-?key(?:-?id)?|secret(?:-?access)?(?:-?key)?|session-?token|security-?token|signature|x-amz-(?:signature|credential|security-token)|x-obs-security-token|token|password)=)[^&\s'"]+/gi;

/** Replaces user info and secret-looking query parameters of any URL inside `text` by `***`. */
export function redactSecrets(text: string): string {
  return text.replace(USER_INFO, '$1***@').replace(SECRET_PARAMETER, '$1***');
}
