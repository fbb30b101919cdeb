"""A client of the token broker: access tokens of users for Google's APIs, connect links, webhooks.

One file, the standard library only, Python 3.9 or newer: copy it into your project. Where google-auth is installed, `TokenBroker.credentials_for` returns credentials for Google's own libraries.

    broker = TokenBroker("https://broker.example.com", key=os.environ["TOKEN_BROKER_KEY"])
    token = broker.token("alice", scope="https://www.googleapis.com/auth/yt-analytics.readonly")
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import http.client
import json
import math
import random
import re
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import OrderedDict
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, Dict, Iterable, Literal, Mapping, NamedTuple, Optional, Tuple, Union

try:
    import google.auth.credentials as _google_credentials
except ImportError:
    _google_credentials = None  # type: ignore[assignment]

__all__ = [
    "AccessToken",
    "ConnectLink",
    "ConnectRequired",
    "ErrorCode",
    "InvalidWebhook",
    "TokenBroker",
    "TokenBrokerError",
    "Unavailable",
    "verify_webhook",
]

# Generated from openapi.json by `npm run generate:clients`.
ProblemCode = Literal[
    "invalid_request",
    "unauthenticated",
    "not_allowed",
    "insufficient_scope",
    "no_ads_access",
    "not_connected",
    "not_found",
    "method_not_allowed",
    "ambiguous_account",
    "slots_full",
    "reconnect_required",
    "rate_limited",
    "internal_error",
    "integrity_failed",
    "client_misconfigured",
    "google_unavailable",
    "cell_unavailable",
    "database_unavailable",
    "clock_skewed",
    "issuer_unavailable",
]
# End of what is generated.

ErrorCode = Union[
    ProblemCode, Literal["connection_failed", "timeout", "invalid_response", "invalid_webhook"]
]
Scopes = Union[str, Iterable[str]]

_DEFAULT_MIN_TTL = 300
# A token with less cannot be used for a call any more.
_LAST_SECONDS = 10
_MAX_TOKENS = 10_000
#: What one call may wait, by the broker's rule.
_MAX_WAIT = 55
_UNFINISHED = ("created", "opened", "at_google", "pending")
_RETRIED = (429, 503)
# What a proxy answers while it does not reach the broker.
_GATEWAY = (502, 503, 504)
_WEBHOOK_TOLERANCE = 300


class TokenBrokerError(Exception):
    """A refusal of the broker, or no answer of it. `code` is stable; the text is for people, and holds no secret."""

    def __init__(self, code: str, detail: str, problem: Optional[Mapping[str, Any]] = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code: str = code
        self.detail: str = detail
        self.problem: Mapping[str, Any] = problem or {}

    @property
    def status(self) -> Optional[int]:
        """The HTTP status, where the broker answered."""
        return self.problem.get("status")

    @property
    def connect_url(self) -> Optional[str]:
        """Where to send the user, who can resolve it there."""
        return self.problem.get("connect_url")

    @property
    def retry_after(self) -> Optional[int]:
        """Seconds to wait before the same call can succeed."""
        return self.problem.get("retry_after")

    @property
    def request_id(self) -> Optional[str]:
        """Names the call in the broker's log."""
        return self.problem.get("request_id")


class ConnectRequired(TokenBrokerError):
    """The user has to connect, or to allow more: send the user to `connect_url`."""


class Unavailable(TokenBrokerError):
    """Not now: Google, the broker or its database does not answer, or there were too many calls."""


class InvalidWebhook(TokenBrokerError):
    """Not from the broker, altered, or old: answer 400, and do nothing with it."""


@dataclass(frozen=True)
class AccessToken:
    access_token: str = field(repr=False)
    token_id: str
    expires_at: datetime
    scopes: Tuple[str, ...]
    account: Mapping[str, Optional[str]]
    client: str
    # With customer_id: to be sent with the token.
    headers: Mapping[str, str]
    # When it ends, on the clock of time.monotonic(), which may stand still while the machine sleeps.
    ends_at: float = field(repr=False)
    # The same on the clock of time.time(), which may be set back.
    wall_ends_at: float = field(repr=False)

    @property
    def seconds_left(self) -> float:
        return min(self.ends_at - time.monotonic(), self.wall_ends_at - time.time())


@dataclass(frozen=True)
class ConnectLink:
    url: str
    expires_at: datetime
    #: For `connect_outcome`.
    id: str


@dataclass(frozen=True)
class ConnectOutcome:
    #: `success`, `partial`, `denied`, `failed`, `cancelled` and `expired` are ends.
    state: str
    #: Why it ended so; None after success.
    reason: Optional[str]
    #: Names it in the log of the broker.
    request_id: Optional[str]
    grant_id: Optional[str]
    #: The account that was chosen.
    account: Optional[Mapping[str, Optional[str]]]
    missing_scopes: Tuple[str, ...]
    #: Accounts of dead grants of this user, where another account was connected.
    instead_of: Tuple[Mapping[str, Optional[str]], ...]

    @property
    def has_ended(self) -> bool:
        return self.state not in _UNFINISHED


class TokenBroker:
    """One for each process: it caches tokens by their lifetime, and may be used by several threads."""

    def __init__(
        self,
        url: str,
        *,
        key: Optional[str] = None,
        jwt: Optional[Callable[[], str]] = None,
        timeout: float = 30.0,
        retries: int = 2,
    ) -> None:
        """
        :param key: the service key; or `jwt`, which returns the JWT of this workload and is asked for each call
        :param timeout: seconds for a call with all its attempts
        :param retries: how often a call is repeated after 429, 503, or no answer
        """
        if bool(key) == bool(jwt):
            raise ValueError("Give either key or jwt.")
        if not url.startswith(("https://", "http://")):
            raise ValueError("url must begin with https:// or http://.")
        self._url = url.rstrip("/")
        self._credential: Callable[[], str] = jwt if jwt is not None else lambda: key or ""
        self._timeout = timeout
        self._retries = retries
        self._opener = urllib.request.build_opener(_NoRedirect)
        self._cache = _TokenCache()

    def token(
        self,
        user: str,
        *,
        scope: Optional[Scopes] = None,
        client: Optional[str] = None,
        account: Optional[str] = None,
        min_ttl: Optional[int] = None,
        refused: Optional[str] = None,
        return_to: Optional[str] = None,
        customer_id: Optional[str] = None,
        min_role: Optional[Literal["READ_ONLY", "STANDARD", "ADMIN"]] = None,
        max_role: Optional[Literal["READ_ONLY", "STANDARD", "ADMIN"]] = None,
    ) -> AccessToken:
        """A fresh access token of a user: the cached one, or the broker's.

        :param refused: the `token_id` of a token that Google answered with 401
        :raises ConnectRequired: with `connect_url`, where the user can resolve it
        :raises TokenBrokerError: for everything else
        """
        query = {
            "scope": None if scope is None else _scope_text(scope),
            "client": client,
            "account": account,
            "min_ttl": None if min_ttl is None else str(min_ttl),
            "refused": refused,
            "return_to": return_to,
            "customer_id": customer_id,
            "min_role": min_role,
            "max_role": max_role,
        }
        if customer_id is not None:
            return self._fetch_token(user, query)
        scopes = tuple(sorted((query["scope"] or "").split()))
        key = (user, scopes, client, account)
        wanted = _Wanted(key, _DEFAULT_MIN_TTL if min_ttl is None else min_ttl, refused, return_to)
        cached = self._cache.find(key, wanted.min_ttl, refused)
        if cached is not None:
            return cached
        try:
            return self._cache.share(wanted, lambda: self._fetch_token(user, query), self._timeout)
        except TokenBrokerError as error:
            last = self._cache.find(key, _LAST_SECONDS, refused) if _is_no_answer(error) else None
            if last is None:
                raise
            return last

    def connect_link(
        self,
        user: str,
        scope: Scopes,
        *,
        client: Optional[str] = None,
        user_label: Optional[str] = None,
        locale: Optional[str] = None,
        reasons: Optional[Mapping[str, str]] = None,
        account_hint: Optional[str] = None,
        require_account: Optional[Mapping[str, str]] = None,
        return_to: Optional[str] = None,
        another_account: bool = False,
        prompt: Optional[str] = None,
        include_granted_scopes: Optional[bool] = None,
        confirm: bool = False,
        force: bool = False,
    ) -> ConnectLink:
        """A link that takes the user to Google and back.

        `reasons` says why you need a scope, by its name; it is shown to the user as your words. `prompt` is "consent",
        "select_account" or both: Google's pages that the user sees even where they are not needed. With
        `include_granted_scopes=False`, the grant holds what this connect asks for, and nothing that was granted before.
        """
        return self._link(
            {
                "user_id": user,
                "scope": _scope_text(scope),
                "client": client,
                "user_label": user_label,
                "locale": locale,
                "reasons": None if reasons is None else dict(reasons),
                "account_hint": account_hint,
                "require_account": require_account,
                "return_to": return_to,
                "another_account": another_account,
                "prompt": prompt,
                "include_granted_scopes": include_granted_scopes,
                "confirm": confirm,
                "force": force,
            }
        )

    def manage_link(
        self,
        user: str,
        *,
        client: Optional[str] = None,
        user_label: Optional[str] = None,
        locale: Optional[str] = None,
        return_to: Optional[str] = None,
    ) -> ConnectLink:
        """A link to a page where the user sees what you hold, reconnects, and disconnects as far as you may.

        Without `client`, it is about all clients that your policy covers.
        """
        return self._link(
            {
                "purpose": "manage",
                "user_id": user,
                "client": client,
                "user_label": user_label,
                "locale": locale,
                "return_to": return_to,
            }
        )

    def _link(self, body: Mapping[str, Any]) -> ConnectLink:
        given = {name: value for name, value in body.items() if value is not None}
        # A router in front of cells reads no bodies.
        answer = self._send("/connect/tickets", body=given, headers={"X-Token-Broker-User": _segment(body["user_id"])})
        return ConnectLink(answer["connect_url"], _time(answer["expires_at"]), answer["id"])

    def connect_outcome(self, id: str, *, wait_seconds: float = 0) -> ConnectOutcome:
        """How a connect ended, or where it stands after `wait_seconds`.

        One call waits for 55 seconds at most; this repeats it, also while the broker restarts.
        """
        path = f"/connect/tickets/{urllib.parse.quote(id, safe='')}"
        end = time.monotonic() + wait_seconds
        failures = 0
        while True:
            wait = min(_MAX_WAIT, max(0, math.ceil(end - time.monotonic())))
            try:
                answer = self._send(path, {"wait": str(wait)}, wait=wait)
            except Unavailable as error:
                # There are as many attempts as there is time for, whatever the broker says.
                seconds = max(_seconds_after(error, failures), 0.25)
                if time.monotonic() + seconds >= end:
                    raise
                time.sleep(seconds)
                failures += 1
                continue
            failures = 0
            if answer["state"] in _UNFINISHED and time.monotonic() < end:
                continue
            return ConnectOutcome(
                state=answer["state"],
                reason=answer["reason"],
                request_id=answer["request_id"],
                grant_id=answer["grant_id"],
                account=answer["account"],
                missing_scopes=tuple(answer["missing_scopes"]),
                instead_of=tuple(answer["instead_of"]),
            )

    def verify_webhook(
        self, raw_body: bytes, headers: Mapping[str, str], secrets: Union[str, Iterable[str]]
    ) -> Dict[str, Any]:
        """See the function of the same name."""
        return verify_webhook(raw_body, headers, secrets)

    def credentials_for(self, user: str, **options: Any) -> Any:
        """`google.auth.credentials.Credentials` of a user, for Google's libraries. Takes the options of `token`.

        A token that Google answers with 401 is replaced, as those libraries do with their own.
        """
        if _google_credentials is None:
            raise ImportError("credentials_for needs google-auth: pip install google-auth")
        return BrokerCredentials(self, user, **options)

    def _fetch_token(self, user: str, query: Mapping[str, Optional[str]]) -> AccessToken:
        started_at, wall_started_at = time.monotonic(), time.time()
        answer = self._send(f"/tokens/{_segment(user)}", query)
        return AccessToken(
            access_token=answer["access_token"],
            token_id=answer["token_id"],
            expires_at=_time(answer["expires_at"]),
            scopes=tuple(answer["scope"].split(" ")),
            account=answer["account"],
            client=answer["client"],
            headers=answer.get("headers", {}),
            ends_at=started_at + answer["expires_in"],
            wall_ends_at=wall_started_at + answer["expires_in"],
        )

    def _send(
        self,
        path: str,
        query: Optional[Mapping[str, Optional[str]]] = None,
        body: Optional[Mapping[str, Any]] = None,
        wait: float = 0,
        headers: Optional[Mapping[str, str]] = None,
    ) -> Dict[str, Any]:
        # Every call can be repeated: a token that is asked for twice is the same, and a connect link that is not used
        # expires.
        deadline = time.monotonic() + self._timeout + wait
        given = {name: value for name, value in (query or {}).items() if value is not None}
        url = self._url + path + (f"?{urllib.parse.urlencode(given)}" if given else "")
        attempt = 0
        while True:
            try:
                return self._attempt(url, body, deadline, headers or {})
            except Unavailable as error:
                seconds = _seconds_after(error, attempt)
                if attempt >= self._retries or time.monotonic() + seconds >= deadline:
                    raise
            time.sleep(seconds)
            attempt += 1

    def _attempt(
        self, url: str, body: Optional[Mapping[str, Any]], deadline: float, others: Mapping[str, str]
    ) -> Dict[str, Any]:
        credential = self._credential().strip()
        # The error of http.client would show it.
        if not re.fullmatch(r"[\x21-\x7e]+", credential):
            raise ValueError("The credential must be one line of visible ASCII characters, without spaces.")
        headers = {"Authorization": f"Bearer {credential}", "Accept": "application/json", **others}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, headers=headers)
        try:
            with self._open(request, deadline) as response:
                return _read_answer(response.status, response.headers, response.read())
        except (OSError, http.client.HTTPException) as error:
            # Until Python 3.9, socket.timeout is no TimeoutError.
            if isinstance(getattr(error, "reason", error), (socket.timeout, TimeoutError)):
                raise Unavailable("timeout", f"The broker did not answer within {self._timeout:g} s.") from error
            raise Unavailable("connection_failed", f"The broker at {self._url} cannot be reached.") from error

    def _open(self, request: urllib.request.Request, deadline: float) -> Any:
        try:
            return self._opener.open(request, timeout=max(0.001, deadline - time.monotonic()))
        except urllib.error.HTTPError as error:
            # A response as well: its body is read where that of a success is, and can break off like that.
            return error


def verify_webhook(
    raw_body: bytes, headers: Mapping[str, str], secrets: Union[str, Iterable[str]]
) -> Dict[str, Any]:
    """The event of a webhook (https://www.standardwebhooks.com), with its `id`: store it, and ignore one that you have seen.

    :param raw_body: as it came, before a JSON parser
    :param secrets: one, or several while the secret is being changed
    :raises InvalidWebhook: answer 400, and do nothing with it
    """
    given = {name.lower(): value for name, value in headers.items()}
    id_, timestamp = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    keys = [_webhook_key(secret) for secret in ([secrets] if isinstance(secrets, str) else secrets)]
    if not keys:
        raise ValueError("Without a secret no webhook can be verified.")
    is_number = timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12
    if not is_number or abs(time.time() - int(timestamp)) > _WEBHOOK_TOLERANCE:
        raise InvalidWebhook("invalid_webhook", "webhook-timestamp is missing, or more than five minutes off.")
    signed = f"{id_}.{timestamp}.".encode() + raw_body
    expected = [b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()) for key in keys]
    signatures = given.get("webhook-signature", "").encode().split(b" ")
    # Each pair is compared, in constant time.
    if not any([hmac.compare_digest(one, other) for one in signatures for other in expected]):
        raise InvalidWebhook("invalid_webhook", "webhook-signature was not made with this secret for this body.")
    event: Dict[str, Any] = json.loads(raw_body)
    event["id"] = id_
    return event


def _webhook_key(secret: str) -> bytes:
    text = secret.strip()
    try:
        key = base64.b64decode(text[len("whsec_") :] if text.startswith("whsec_") else text)
    except binascii.Error:
        key = b""
    if not key:
        raise ValueError("A webhook secret is whsec_ and base64.")
    return key


def _read_answer(status: int, headers: Mapping[str, str], body: bytes) -> Dict[str, Any]:
    is_ok = 200 <= status < 300
    type_ = (headers.get("content-type") or "").split(";", 1)[0]
    answer: Any = None
    if type_ == ("application/json" if is_ok else "application/problem+json"):
        try:
            answer = json.loads(body)
        except ValueError:
            pass
    # Other servers write problems too, without a code.
    if not isinstance(answer, dict) or not (is_ok or isinstance(answer.get("code"), str)):
        if status in _GATEWAY:
            detail = f"The broker cannot be reached: a proxy answers {status} for it."
            raise Unavailable("connection_failed", detail)
        detail = f"Status {status} with {type_ or 'no content type'} is not an answer of the broker."
        raise TokenBrokerError("invalid_response", detail)
    if is_ok:
        return answer
    seconds = headers.get("retry-after") or ""
    if seconds.isdecimal():
        answer["retry_after"] = int(seconds)
    kind = TokenBrokerError
    if status in _RETRIED:
        kind = Unavailable
    elif answer.get("connect_url"):
        kind = ConnectRequired
    raise kind(answer["code"], answer.get("detail", ""), answer)


def _seconds_after(error: TokenBrokerError, attempt: int) -> float:
    if error.retry_after is not None:
        return error.retry_after
    # Spread: callers that failed together do not come back together.
    return 0.25 * 2 ** min(attempt, 5) * (0.5 + random.random())


def _is_no_answer(error: TokenBrokerError) -> bool:
    """Whether it says nothing about what was asked: the broker cannot answer now, or the answer is not the broker's."""
    return isinstance(error, Unavailable) or error.code == "invalid_response"


def _segment(user: str) -> str:
    """As encodeURIComponent: a router in front of cells compares the text."""
    return urllib.parse.quote(user, safe="!'()*")


def _scope_text(scope: Scopes) -> str:
    return scope if isinstance(scope, str) else " ".join(scope)


def _time(text: str) -> datetime:
    # Python 3.9 does not read the Z.
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The credential is for this address only."""

    def redirect_request(self, *_: Any) -> None:
        return None


class _Wanted(NamedTuple):
    """What one call answers: the key of the cache, and what can be answered differently for the same key."""

    key: Any
    min_ttl: float
    refused: Optional[str]
    return_to: Optional[str]


class _TokenCache:
    """Tokens in the order of use, and one call under way for all threads that want the same."""

    def __init__(self) -> None:
        # Each with the time when it was asked for.
        self._tokens: OrderedDict[Any, Tuple[AccessToken, float]] = OrderedDict()
        self._under_way: Dict[Any, Future[AccessToken]] = {}
        self._lock = threading.Lock()

    def find(self, key: Any, min_ttl: float, refused: Optional[str]) -> Optional[AccessToken]:
        with self._lock:
            return self._find(key, min_ttl, refused)

    def share(self, wanted: _Wanted, fetch: Callable[[], AccessToken], timeout: float) -> AccessToken:
        """One `fetch` for all threads that want the same meanwhile: its failure is theirs too."""
        deadline = time.monotonic() + timeout
        while True:
            own: Future[AccessToken] = Future()
            try:
                with self._lock:
                    # A call may have ended since this thread has looked.
                    found = self._find(wanted.key, wanted.min_ttl, wanted.refused)
                    if found is not None:
                        return found
                    shared = self._under_way.setdefault(wanted, own)
                if shared is own:
                    return self._fetch(wanted.key, own, fetch)
            finally:
                with self._lock:
                    if self._under_way.get(wanted) is own:
                        del self._under_way[wanted]
                # Without a result, this thread was interrupted, and the others were not: the next of them asks.
                own.cancel()
            try:
                error = shared.exception(max(0.0, deadline - time.monotonic()))
            except CancelledError:
                continue
            except FutureTimeout:
                raise Unavailable("timeout", f"The broker did not answer within {timeout:g} s.") from None
            if error is not None:
                raise error
            return shared.result()

    def _fetch(self, key: Any, outcome: Future[AccessToken], fetch: Callable[[], AccessToken]) -> AccessToken:
        asked_at = time.monotonic()
        try:
            token = fetch()
        except Exception as error:
            if isinstance(error, TokenBrokerError) and not _is_no_answer(error):
                with self._lock:
                    self._tokens.pop(key, None)
            outcome.set_exception(error)
            raise
        with self._lock:
            self._store(key, token, asked_at)
        outcome.set_result(token)
        return token

    def _find(self, key: Any, min_ttl: float, refused: Optional[str]) -> Optional[AccessToken]:
        token, _ = self._tokens.get(key, (None, 0))
        if token is None or token.token_id == refused or token.seconds_left <= min_ttl:
            return None
        self._tokens.move_to_end(key)
        return token

    def _store(self, key: Any, token: AccessToken, asked_at: float) -> None:
        # A slow answer does not replace that of a later call: its token may have been refused meanwhile.
        _, held_since = self._tokens.get(key, (None, -math.inf))
        if held_since > asked_at:
            return
        self._tokens[key] = (token, asked_at)
        self._tokens.move_to_end(key)
        while len(self._tokens) > _MAX_TOKENS:
            self._tokens.popitem(last=False)


if _google_credentials is not None:

    class BrokerCredentials(_google_credentials.Credentials):  # type: ignore[misc]
        """Credentials of a user for Google's libraries; made by `TokenBroker.credentials_for`."""

        # Those libraries refresh before a token ends (up to 5 minutes), and after a 401.
        _REFUSED_FROM_SECONDS = 300

        def __init__(self, broker: TokenBroker, user: str, **options: Any) -> None:
            super().__init__()
            self._broker = broker
            self._user = user
            self._options = options
            self._token: Optional[AccessToken] = None

        def refresh(self, request: Any) -> None:
            """Google's libraries call this without a token, near its end, and after a 401."""
            held = self._token
            is_refused = held is not None and held.seconds_left > self._REFUSED_FROM_SECONDS
            options = {**self._options, "refused": held.token_id} if held and is_refused else self._options
            try:
                token = self._broker.token(self._user, **options)
            except Unavailable as error:
                # It was replaced minutes ago, and Google confirms that it is valid: the API's answer says what is wrong.
                if is_refused and error.code == "rate_limited":
                    return
                raise
            self._token = token
            self.token = token.access_token
            # google-auth compares it with this machine's clock, as UTC without a time zone.
            self.expiry = datetime.now(timezone.utc).replace(tzinfo=None) + timedelta(seconds=token.seconds_left)

        def apply(self, headers: Dict[str, str], token: Optional[str] = None) -> None:
            super().apply(headers, token)
            headers.update(self._token.headers if self._token else {})
