"""Makes AWS calls with boto3: one JSON request a line on stdin, one JSON answer a line on stdout.

A request names the endpoint, Region and credential, so that nothing is taken from the machine.
"""
import base64
import json
import sys

import boto3
import botocore.config
import botocore.exceptions

CONFIG = botocore.config.Config(retries={"total_max_attempts": 1}, proxies={})


def plain(value):
    """What json cannot write: bytes as base 64, dates as text."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)


for line in sys.stdin:
    ask = json.loads(line)
    client = boto3.session.Session().client(
        ask["service"],
        endpoint_url=ask["endpoint"],
        region_name=ask["region"],
        aws_access_key_id=ask["id"],
        aws_secret_access_key=ask["secret"],
        aws_session_token=ask["token"] or None,
        config=CONFIG,
    )
    try:
        answer = {"out": getattr(client, ask["operation"])(**ask["params"])}
    except botocore.exceptions.ClientError as e:
        meta = e.response["ResponseMetadata"]
        answer = {"code": e.response["Error"]["Code"], "message": e.response["Error"]["Message"], "status": meta["HTTPStatusCode"]}
    print(json.dumps(answer, default=plain), flush=True)
