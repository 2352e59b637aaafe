# Copyright: the honeycomb.cloud contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs on a host outside of the cloud's services (edge1), with Debian's boto3: writes, and reads back all that was acknowledged.

Standard input: this text behind one line of JSON, {endpoint, access, secret, seconds}. Writes until ``AFTER`` seconds after the first write
behind an outage, at the latest for ``seconds``. Prints one line of JSON.
"""

import hashlib
import json
import os
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

options = json.loads(OPTIONS)  # noqa: F821 set by the line that is put before this text
s3 = boto3.client(
    "s3",
    endpoint_url=options["endpoint"],
    verify="/root/ceph-ca.crt",
    aws_access_key_id=options["access"],
    aws_secret_access_key=options["secret"],
    region_name="us-east-1",
    config=Config(retries={"max_attempts": 0}, read_timeout=60, connect_timeout=3, s3={"addressing_style": "path"}),
)
OUTAGE, AFTER = 5.0, 10.0  # seconds without an acknowledgement that are an outage; seconds of writing behind it
bucket = f"drill-{int(time.time())}"
s3.create_bucket(Bucket=bucket)
s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})

acknowledged, errors, gap, last = [], [], 0.0, time.monotonic()
end = last + options["seconds"]


def keep(key, body, version):
    global gap, last, end
    now = time.monotonic()
    if gap < OUTAGE <= now - last:
        end = min(end, now + AFTER)
    gap, last = max(gap, now - last), now
    acknowledged.append((key, hashlib.sha256(body).hexdigest(), version))


count = 0
while time.monotonic() < end:
    count += 1
    body = os.urandom(64 << 10)
    # Every tenth key is written again and again: its versions must all stay.
    key = "versions" if count % 10 == 0 else f"object-{count}"
    try:
        keep(key, body, s3.put_object(Bucket=bucket, Key=key, Body=body)["VersionId"])
    except (BotoCoreError, ClientError) as error:
        errors.append(repr(error)[:200])
        time.sleep(0.2)
    if count % 50 == 25:
        parts, bodies = [], [os.urandom(5 << 20), os.urandom(1 << 20)]
        try:
            upload = s3.create_multipart_upload(Bucket=bucket, Key=f"multipart-{count}")["UploadId"]
            for number, part in enumerate(bodies, 1):
                answer = s3.upload_part(Bucket=bucket, Key=f"multipart-{count}", UploadId=upload, PartNumber=number, Body=part)
                parts.append({"PartNumber": number, "ETag": answer["ETag"]})
            done = s3.complete_multipart_upload(Bucket=bucket, Key=f"multipart-{count}", UploadId=upload, MultipartUpload={"Parts": parts})
            keep(f"multipart-{count}", b"".join(bodies), done["VersionId"])
        except (BotoCoreError, ClientError) as error:
            errors.append(repr(error)[:200])

gap = max(gap, time.monotonic() - last)  # an outage that did not end counts too
lost = []
for key, digest, version in acknowledged:
    body = s3.get_object(Bucket=bucket, Key=key, VersionId=version)["Body"].read()
    if hashlib.sha256(body).hexdigest() != digest:
        lost.append(key)
listed = [v["Key"] for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket) for v in page.get("Versions", [])]
for key, _, version in acknowledged:
    s3.delete_object(Bucket=bucket, Key=key, VersionId=version)
print(
    json.dumps(
        {
            "acknowledged": len(acknowledged),
            "multipart": sum(key.startswith("multipart") for key, _, _ in acknowledged),
            "versions": sum(key == "versions" for key, _, _ in acknowledged),
            "listed": len(listed),
            "lost": lost,
            "errors": errors[:5],
            "gap": round(gap, 1),
        }
    )
)
