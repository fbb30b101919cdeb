#!/bin/sh
# Google's sample in plain HTTP (https://developers.google.com/identity/protocols/oauth2/web-server), with the broker's token:
# `sh example.sh test|authorize|revoke|clear USER`. It needs curl and sed. See ../README.md for the variables.
set -eu
BROKER_URL=${BROKER_URL:-http://localhost:3000}
API_URL=${API_URL:-https://youtubeanalytics.googleapis.com}
SCOPE=https://www.googleapis.com/auth/yt-analytics.readonly
REPORT='/v2/reports?ids=channel==MINE&startDate=2026-01-01&endDate=2026-01-31&metrics=views,likes&dimensions=day'
USAGE='Usage: example.sh test|authorize|revoke|clear USER; USER is letters and digits'
ACTION=${1:-}
USER_ID=${2:-}
case $USER_ID in '' | *[!A-Za-z0-9]*) echo "$USAGE" >&2; exit 2 ;; esac

# Every argument of a process can be read by others on this machine: the key and tokens go through standard input.
call() { # TOKEN METHOD URL [BODY]
  printf 'header = "Authorization: Bearer %s"\n' "$1" |
    curl -sS --globoff --config - --request "$2" ${4:+--header 'Content-Type: application/json' --data "$4"} "$3"
}

broker() { # METHOD PATH [BODY]
  call "$BROKER_KEY" "$1" "$BROKER_URL$2" ${3:+"$3"}
}

member() { # NAME: the first member of that name in the JSON on standard input
  sed -n 's/.*"'"$1"'":"\([^"]*\)".*/\1/p'
}

case $ACTION in
  test)
    answer=$(broker GET "/tokens/$USER_ID?scope=$SCOPE")
    token=$(printf '%s' "$answer" | member access_token)
    if [ -n "$token" ]; then
      call "$token" GET "$API_URL$REPORT"
    else
      # A refusal says why, and holds the link (connect_url) where the user can help.
      printf '%s\n' "$answer"
      exit 1
    fi
    ;;
  authorize)
    body="{\"user_id\": \"$USER_ID\", \"scope\": \"$SCOPE\", \"another_account\": true}"
    broker POST /connect/tickets "$body" | member connect_url
    ;;
  revoke | clear)
    mode=revoke
    [ "$ACTION" = revoke ] || mode=local
    for id in $(broker GET "/users/$USER_ID/grants" | sed 's/"id":/\n&/g' | sed -n 's/^"id":"\([^"]*\)".*/\1/p'); do
      broker DELETE "/grants/$id?mode=$mode"
    done
    ;;
  *) echo "$USAGE" >&2; exit 2 ;;
esac
