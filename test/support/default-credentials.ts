/** Application default credentials, as a program of the Node library has them: by the variable that names a file. */
import { GoogleAuth } from 'google-auth-library';

/** @param scopes none: the library's own default */
export async function tokenByFile(
  path: string,
  scopes?: readonly string[],
): Promise<string | null | undefined> {
  const before = process.env;
  // Without a project the library looks for one, by gcloud and by a metadata server.
  process.env = { ...before, GOOGLE_APPLICATION_CREDENTIALS: path, GOOGLE_CLOUD_PROJECT: 'none' };
  try {
    return await new GoogleAuth(scopes === undefined ? {} : { scopes: [...scopes] }).getAccessToken();
  } finally {
    process.env = before;
  }
}
