#!/bin/sh
# Google's sample in plain HTTP (https://developers.google.com/identity/protocols/oauth2/web-server), with the broker's token:
# `sh example.sh test|authorize|revoke|clear USER`. It needs curl, sed and tr. See ../README.md for the variables.
# Exits with 1 where the broker or the API refuses, and shows the answer, which says why.
set -eu
BROKER_URL=${BROKER_URL:-http://localhost:3000}
API_URL=${API_URL:-https://youtubeanalytics.googleapis.com}
SCOPE=https://www.googleapis.com/auth/yt-analytics.readonly
REPORT='/v2/reports?ids=channel==MINE&startDate=2026-01-01&endDate=2026-01-31&metrics=views,likes&dimensions=day'
USAGE='Usage: example.sh test|authorize|revoke|clear USER; USER is letters and digits'
NEWLINE='
'
ACTION=${1:-}
USER_ID=${2:-}
case $USER_ID in '' | *[!A-Za-z0-9]*) echo "$USAGE" >&2; exit 2 ;; esac

# Sets STATUS and ANSWER. Every argument of a process can be read by others on this machine: the key and tokens go through
# standard input.
call() { # TOKEN METHOD URL [BODY]
  ANSWER=$(printf 'header = "Authorization: Bearer %s"\n' "$1" |
    curl -sS --globoff --config - --write-out '\n%{http_code}' --request "$2" \
      ${4:+--header 'Content-Type: application/json' --data "$4"} "$3") || exit 1
  STATUS=${ANSWER##*"$NEWLINE"}
  ANSWER=${ANSWER%"$NEWLINE"*}
}

finish() { # shows the answer, and says whether it is what was asked for
  printf '%s\n' "$ANSWER"
  case $STATUS in 2??) exit 0 ;; *) exit 1 ;; esac
}

broker() { # METHOD PATH [BODY]: a refusal ends the script; it holds the link (connect_url) where the user can help
  call "$BROKER_KEY" "$1" "$BROKER_URL$2" ${3:+"$3"}
  case $STATUS in 2??) ;; *) finish ;; esac
}

member() { # NAME: the text of that member of the answer; nothing where it is null
  printf '%s\n' "$ANSWER" | sed -n 's/.*"'"$1"'":"\([^"]*\)".*/\1/p'
}

case $ACTION in
  test)
    broker GET "/tokens/$USER_ID?scope=$SCOPE"
    refused=$(member token_id)
    call "$(member access_token)" GET "$API_URL$REPORT"
    if [ "$STATUS" = 401 ]; then
      # Google may end a token before its time. The broker gets another where it is named, once.
      broker GET "/tokens/$USER_ID?scope=$SCOPE&refused=$refused"
      call "$(member access_token)" GET "$API_URL$REPORT"
    fi
    finish
    ;;
  authorize)
    broker POST /connect/tickets "{\"user_id\": \"$USER_ID\", \"scope\": \"$SCOPE\", \"another_account\": true}"
    member connect_url
    ;;
  revoke | clear)
    mode=revoke
    [ "$ACTION" = revoke ] || mode=local
    ids=
    cursor=
    while :; do
      broker GET "/users/$USER_ID/grants${cursor:+?cursor=$cursor}"
      ids="$ids $(printf '%s\n' "$ANSWER" | tr '{' '\n' | sed -n 's/^"id":"\([^"]*\)".*/\1/p')"
      cursor=$(member next)
      [ -n "$cursor" ] || break
    done
    for id in $ids; do
      broker DELETE "/grants/$id?mode=$mode"
      printf '%s\n' "$ANSWER"
    done
    ;;
  *) echo "$USAGE" >&2; exit 2 ;;
esac
