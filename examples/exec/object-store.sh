#!/bin/sh
# A program for keyrotator's store exec: it keeps a credential in one object of
# Amazon S3, or of anything that speaks its API, by the AWS CLI.
#
#   store:
#     exec:
#       command: [/usr/local/lib/keyrotator/object-store.sh, "s3://BUCKET/KEY"]
#       reads: true
#
# The object's metadata holds the mark of the owner. An object is replaced as a
# whole: readers see the old one or the new one.
set -eu
verb=$1
place=$2
bucket=${place#s3://}
bucket=${bucket%%/*}
key=${place#"s3://$bucket/"}

# call runs the AWS CLI; S3_ENDPOINT names a server that is not Amazon's.
call() { aws ${S3_ENDPOINT:+--endpoint-url "$S3_ENDPOINT"} "$@"; }

# fail ends with the exit code for what the AWS CLI complained of. Neither of
# its complaints holds the object or what was read from standard input.
fail() {
	printf '%s\n' "$1" >&2
	case $1 in
	*AccessDenied* | *Forbidden* | *InvalidAccessKeyId* | *'(403)'*) exit 13 ;;
	*SlowDown* | *Throttl* | *'(503)'*) exit 14 ;;
	*) exit 1 ;;
	esac
}

# mark prints the owner's mark, or ends with 11 if there is no object.
mark() {
	if found=$(call s3api head-object --bucket "$bucket" --key "$key" --query Metadata --output json 2>&1); then
		printf '%s\n' "$found" | sed -n 's/.*"keyrotator-owner": "\([^"]*\)".*/\1/p' | head -n 1
		return
	fi
	case $found in
	*'(404)'*) exit 11 ;;
	*) fail "$found" ;;
	esac
}

case $verb in
check)
	mark >/dev/null
	;;
get)
	owner=$(mark)
	printf '%s\n' "$owner"
	call s3 cp --quiet "$place" -
	;;
put)
	said=$(call s3 cp --quiet - "$place" --metadata "keyrotator-owner=$KEYROTATOR_USER" 2>&1) || fail "$said"
	;;
*)
	echo "unknown verb $verb" >&2
	exit 2
	;;
esac
