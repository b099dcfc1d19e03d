#!/bin/sh
# A program for keyrotator's store exec: it tells a credential to a service that
# takes it by an HTTP API, as monitoring services do which read an AWS account.
#
#   store:
#     exec:
#       command: [/usr/local/lib/keyrotator/rest-api.sh, "https://api.example.com/v1/aws-accounts/111122223333"]
#       format: template
#       template: '{"access_key_id": {{json .KeyID}}, "secret_access_key": {{json .Secret}}}'
#       environment: {HEADERS: /etc/keyrotator/api-headers}
#
# The file that HEADERS names has the service's own keys, one header a line, such
# as "DD-API-KEY: …"; nobody but keyrotator may read it. Neither they nor the
# credential are ever arguments of curl. The service tells no secret back and
# keeps no mark, so what exists is ours only if keyrotator's journal says so.
set -eu
verb=$1
url=$2

# call prints the status of the answer, or 000 if there was none.
call() {
	curl --silent --max-time 15 --output /dev/null --write-out '%{http_code}' --header "@$HEADERS" "$@" "$url" || :
}

# refuse ends with the exit code for a status that is no success.
refuse() {
	echo "the service answered $1 to $verb" >&2
	case $1 in
	401 | 403) exit 13 ;;
	429) exit 14 ;;
	*) exit 15 ;;
	esac
}

# settled ends with 10 if the account is there and not ours, and with 11 if it
# is not there.
settled() {
	status=$(call)
	case $status in
	200) [ "$KEYROTATOR_RECORDED" = true ] || [ "$KEYROTATOR_ADOPT" = true ] || {
		echo "the account is known to the service, and keyrotator did not tell it" >&2
		exit 10
	} ;;
	404) [ "$verb" = put ] || exit 11 ;;
	*) refuse "$status" ;;
	esac
}

case $verb in
check)
	settled
	;;
put)
	settled
	status=$(call --request PUT --header 'Content-Type: application/json' --data-binary @-)
	case $status in
	2??) ;;
	*) refuse "$status" ;;
	esac
	;;
*)
	echo "unknown verb $verb" >&2
	exit 2
	;;
esac
