"""Prints the user's token by google-auth, before and after a call of the API. Arguments: the API's URL, then scopes."""
import json
import sys

import google.auth
import google.auth.transport.requests as transport

url, *scopes = sys.argv[1:]
try:
    credentials, _ = google.auth.default(scopes=scopes or None)
    session = transport.AuthorizedSession(credentials)
    credentials.before_request(transport.Request(), "GET", url, {})
    first = credentials.token
    status = session.get(url).status_code
    credentials.before_request(transport.Request(), "GET", url, {})
    print(json.dumps({"tokens": [first, credentials.token], "status": status}))
except google.auth.exceptions.GoogleAuthError as error:
    print(json.dumps({"error": str(error)}))
