#!/bin/sh
# A chat by curl, and then the caller's usage and limit.
#   TOLLGATE_URL=http://127.0.0.1:8080 TOLLGATE_KEY=tg_… MODEL=gpt-4o-mini sh examples/chat.sh
set -eu
url=${TOLLGATE_URL:-http://127.0.0.1:8080}

curl --fail-with-body --silent --show-error "$url/openai/v1/chat/completions" \
  -H "authorization: Bearer $TOLLGATE_KEY" -H 'content-type: application/json' \
  -d "{\"model\":\"${MODEL:-gpt-4o-mini}\",\"max_tokens\":50,\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}"
echo
curl --fail-with-body --silent --show-error "$url/tollgate/v1/me" -H "authorization: Bearer $TOLLGATE_KEY"
echo
