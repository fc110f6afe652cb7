import hashlib
import hmac
import os


def signature(system_id: str) -> str:
    secret = os.environ["GROWLYTICS_LOGIN_SECRET"]
    return hmac.new(secret.encode(), system_id.encode(), hashlib.sha256).hexdigest()
