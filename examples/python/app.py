"""Google's sample of a web server app (https://developers.google.com/identity/protocols/oauth2/web-server), with the broker's token.
No package is needed. See ../README.md for the variables."""
import json
import os
import re
import secrets
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import Request, urlopen

BROKER_URL = os.environ.get("BROKER_URL", "http://localhost:3000")
BROKER_KEY = os.environ.get("BROKER_KEY", "")
APP_URL = os.environ.get("APP_URL", "http://localhost:8080")
API_URL = os.environ.get("API_URL", "https://youtubeanalytics.googleapis.com")
SCOPE = "https://www.googleapis.com/auth/yt-analytics.readonly"
RETURN_TO = f"{APP_URL}/test"
REPORT = "/v2/reports?ids=channel==MINE&startDate=2026-01-01&endDate=2026-01-31&metrics=views,likes&dimensions=day"
PAGE = (Path(__file__).parent.parent / "index.html").read_bytes()


def call(method, url, token, body=None):
    headers = {"Authorization": f"Bearer {token}"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    data = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(url, data, headers, method=method)) as response:
            return response.status, response.read()
    except HTTPError as error:
        # A refusal has a body too, which says why.
        return error.code, error.read()


def call_broker(method, path, body=None):
    status, answer = call(method, BROKER_URL + path, BROKER_KEY, body)
    return status, json.loads(answer)


class App(BaseHTTPRequestHandler):
    def do_GET(self):
        self.dispatch({"/": self.show_page, "/test": self.test_api_request, "/authorize": self.authorize})

    def do_POST(self):
        self.dispatch({"/revoke": lambda: self.disconnect("revoke"), "/clear": lambda: self.disconnect("local")})

    def dispatch(self, routes):
        # Your app has the user of its session. Here each browser is a user, by a random id.
        found = re.search(r"(?:^|; )user=([0-9a-f]{32})(?:;|$)", self.headers.get("Cookie", ""))
        self.user = found.group(1) if found else secrets.token_hex(16)
        route = routes.get(urlsplit(self.path).path)
        try:
            if route is None:
                self.answer(404, "text/plain", b"Not found")
            else:
                route()
        except URLError:
            self.text(502, "The broker or the API does not answer.")

    def show_page(self):
        self.answer(200, "text/html; charset=utf-8", PAGE)

    def test_api_request(self):
        connect = parse_qs(urlsplit(self.path).query).get("connect", ["success"])[0]
        # The way back from Google: any other outcome would lead there again.
        if connect != "success":
            return self.text(200, f"The connect ended as: {connect}")
        query = {"scope": SCOPE, "return_to": RETURN_TO}
        while True:
            status, token = call_broker("GET", f"/tokens/{self.user}?{urlencode(query)}")
            if token.get("connect_url"):
                return self.redirect(token["connect_url"])
            if status != 200:
                return self.text(502, token["detail"])
            status, report = call("GET", API_URL + REPORT, token["access_token"])
            if status != 401 or "refused" in query:
                return self.answer(status, "application/json", report)
            # Google may end a token before its time. The broker gets another where it is named, once.
            query["refused"] = token["token_id"]

    def authorize(self):
        ticket = {"user_id": self.user, "scope": SCOPE, "return_to": RETURN_TO, "another_account": True}
        status, body = call_broker("POST", "/connect/tickets", ticket)
        return self.redirect(body["connect_url"]) if status == 201 else self.text(502, body["detail"])

    def disconnect(self, mode):
        grants, cursor = [], ""
        while cursor is not None:
            query = urlencode({"cursor": cursor} if cursor else {})
            status, body = call_broker("GET", f"/users/{self.user}/grants?{query}")
            if status != 200:
                return self.text(502, body["detail"])
            grants += body["grants"]
            cursor = body["next"]
        for grant in grants:
            status, body = call_broker("DELETE", f"/grants/{grant['id']}?mode={mode}")
            if status >= 400:
                return self.text(502, body["detail"])
        return self.redirect("/")

    def text(self, status, body):
        self.answer(status, "text/plain; charset=utf-8", body.encode())

    def redirect(self, location):
        self.answer(303, "text/plain", b"", location)

    def answer(self, status, content_type, body, location=None):
        self.send_response(status)
        self.send_header("Set-Cookie", f"user={self.user}; Path=/; HttpOnly; SameSite=Lax")
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if location is not None:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    address = urlsplit(APP_URL)
    port = address.port or (443 if address.scheme == "https" else 80)
    server = ThreadingHTTPServer((address.hostname, port), App)
    print(f"Open {APP_URL}", flush=True)
    server.serve_forever()
