"""Prints the user's token by google-auth, before and after a call of the API: a case a line of standard input, as JSON with
`variables` of the environment and `args`: the API's URL, then scopes. Each case is a process of its own, forked from one that has
loaded what google-auth needs: google-auth itself reads variables while it is loaded."""
import json
import os
import sys

import cryptography.hazmat.primitives.asymmetric.rsa
import requests


def run(url, *scopes):
    import google.auth
    import google.auth.transport.requests as transport

    try:
        credentials, _ = google.auth.default(scopes=list(scopes) or None)
        session = transport.AuthorizedSession(credentials)
        credentials.before_request(transport.Request(), "GET", url, {})
        first = credentials.token
        status = session.get(url).status_code
        credentials.before_request(transport.Request(), "GET", url, {})
        return {"tokens": [first, credentials.token], "status": status}
    except google.auth.exceptions.GoogleAuthError as error:
        return {"error": str(error)}


for line in sys.stdin:
    case = json.loads(line)
    child = os.fork()
    if child == 0:
        os.environ.update(case["variables"])
        print(json.dumps(run(*case["args"])), flush=True)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status != 0:
        sys.exit(1)
