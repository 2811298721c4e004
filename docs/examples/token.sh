#!/bin/sh
# Prints an access token from fob. Needs curl and jq. Usage: token.sh [PROFILE]
# printf is the shell's own, so the token is in no process's arguments.
socket=${FOB_SOCKET:-/run/fob/fob.sock}
answer=$(curl -sS -m 15 --unix-socket "$socket" -G ${1:+--data-urlencode "profile=$1"} http://fob/v1/token) || exit 1
printf '%s\n' "$answer" | jq -er '.access_token // ("fob: \(.detail)\n" | halt_error(1))'
