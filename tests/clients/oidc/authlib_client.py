"""Tessera through PyPI's `Authlib` and `PyJWT`, as a relying party uses them.

Environment: as in openid_client.mjs. Prints a line for each check and `N passed, N failed`; exits with 1 if any failed.
"""

import os
import re
import sys
import time
import warnings
from html import unescape
from urllib.parse import parse_qsl, urljoin, urlsplit

import jwt
import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT

with warnings.catch_warnings():
    # Still what most applications use; its successor comes with Authlib 2.
    warnings.simplefilter("ignore")
    from authlib.jose import JsonWebKey
    from authlib.jose import jwt as jose
    from authlib.oidc.core import CodeIDToken

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

ISSUER = os.environ["TESSERA_URL"]
CLIENT_ID = os.environ.get("TESSERA_CLIENT_ID", "web")
SECRET = os.environ.get("TESSERA_CLIENT_SECRET", "web-secret-for-tests-only")
REDIRECT_URI = os.environ.get("TESSERA_REDIRECT_URI", "http://127.0.0.1:9000/cb")
PERSON = {
    "identifier": os.environ.get("TESSERA_USERNAME", "alice"),
    "password": os.environ.get("TESSERA_PASSWORD", "correct horse battery staple"),
    "decision": "allow",
}
NONCE = "n-0S6_WzA2Mj"

results = {"passed": 0, "failed": 0}


def check(name, work):
    try:
        value = work()
    except Exception as error:  # every failure is a result
        results["failed"] += 1
        print(f"FAILED  {name}: {error!r}")
        return None
    results["passed"] += 1
    print(f"ok      {name}")
    return value


def walk(browser, url):
    """Follows redirects and fills forms in until the browser is sent elsewhere; where to."""
    origin = urlsplit(url).netloc
    method, data = "GET", None
    for _ in range(12):
        answer = browser.request(method, url, data=data, allow_redirects=False, headers={"Accept": "text/html"})
        method, data = "GET", None
        if answer.is_redirect:
            url = urljoin(url, answer.headers["Location"])
            if urlsplit(url).netloc != origin:
                return url
            continue
        form = re.search(r"<form\b[^>]*>.*?</form>", answer.text, re.S)
        assert answer.status_code == 200 and form, f"{answer.status_code} at {url}"
        attributes = [
            {name: unescape(value) for name, value in re.findall(r'([a-z-]+)="([^"]*)"', tag)}
            for tag in re.findall(r"<(?:form|input|button)\b[^>]*>", form.group())
        ]
        url, method, data = urljoin(url, attributes[0]["action"]), "POST", {}
        for field in attributes[1:]:
            name = field.get("name")
            if name in PERSON:
                data[name] = PERSON[name]
            elif name and field.get("type") == "hidden":
                data[name] = field.get("value", "")
    raise AssertionError("no end after 12 steps")


metadata = requests.get(f"{ISSUER}/.well-known/openid-configuration", timeout=10).json()
session = OAuth2Session(
    CLIENT_ID,
    SECRET,
    scope="openid profile email offline_access",
    redirect_uri=REDIRECT_URI,
    token_endpoint_auth_method="client_secret_basic",
    code_challenge_method="S256",
)


def code_flow():
    verifier = "v" * 64
    url, state = session.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=verifier, nonce=NONCE
    )
    arrived = walk(requests.Session(), url)
    assert dict(parse_qsl(urlsplit(arrived).query))["iss"] == ISSUER, arrived
    return session.fetch_token(
        metadata["token_endpoint"], authorization_response=arrived, code_verifier=verifier, state=state
    )


def id_token(tokens):
    keys = JsonWebKey.import_key_set(requests.get(metadata["jwks_uri"], timeout=10).json())
    claims = jose.decode(
        tokens["id_token"],
        keys,
        claims_cls=CodeIDToken,
        claims_options={"iss": {"value": ISSUER}, "aud": {"value": CLIENT_ID}},
        claims_params={"nonce": NONCE, "client_id": CLIENT_ID, "access_token": tokens["access_token"]},
    )
    claims.validate()
    return claims


def access_token(token):
    key = jwt.PyJWKClient(metadata["jwks_uri"]).get_signing_key_from_jwt(token)
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"
    return jwt.decode(token, key, algorithms=["RS256"], audience=ISSUER, issuer=ISSUER)


def userinfo(subject):
    answer = session.get(metadata["userinfo_endpoint"]).json()
    assert answer["sub"] == subject and answer["preferred_username"] == PERSON["identifier"], answer


def refresh(tokens):
    time.sleep(float(os.environ.get("TESSERA_GRACE_SECONDS", "10")) + 1.5)
    new = session.refresh_token(metadata["token_endpoint"], tokens["refresh_token"])
    assert new["refresh_token"] != tokens["refresh_token"]
    access_token(new["access_token"])
    return new


def revoke(tokens):
    session.revoke_token(metadata["revocation_endpoint"], tokens["refresh_token"])
    answer = session.introspect_token(metadata["introspection_endpoint"], tokens["access_token"])
    assert answer.json() == {"active": False}, answer.text


def register(metadata_of_client):
    """Registers a client through the admin API, as the client `keymaker` of setup.toml."""
    name, secret = os.environ.get("TESSERA_ADMIN_ID", "keymaker"), os.environ.get(
        "TESSERA_ADMIN_SECRET", "keymaker-secret-of-the-tests"
    )
    admin = OAuth2Session(name, secret, token_endpoint_auth_method="client_secret_basic")
    admin.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
    answer = admin.post(f"{ISSUER}/admin/api/clients", json=metadata_of_client)
    assert answer.status_code == 201, answer.text
    return answer.json()["client_id"]


def private_key_jwt():
    key = JsonWebKey.generate_key("RSA", 2048, {"kid": "one"}, is_private=True)
    client_id = register(
        {
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": {"keys": [key.as_dict(is_private=False)]},
            "grant_types": ["client_credentials"],
        }
    )
    own = OAuth2Session(client_id, key.as_pem(is_private=True), token_endpoint_auth_method="private_key_jwt")
    own.register_client_auth_method(PrivateKeyJWT(metadata["token_endpoint"], headers={"kid": "one"}))
    token = own.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
    assert access_token(token["access_token"])["sub"] == client_id


def client_credentials():
    own = OAuth2Session(CLIENT_ID, SECRET, token_endpoint_auth_method="client_secret_basic")
    token = own.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
    assert access_token(token["access_token"])["sub"] == CLIENT_ID


tokens = check("code flow with PKCE, through the sign-in and consent forms", code_flow)
if tokens:
    claims = check("Authlib validates the ID token, at_hash included", lambda: id_token(tokens))
    check("PyJWT verifies the access token through /jwks", lambda: access_token(tokens["access_token"]))
    check("userinfo", lambda: userinfo(claims["sub"]))
    new = check("refresh", lambda: refresh(tokens))
    if new:
        check("revocation and introspection", lambda: revoke(new))
check("client credentials", client_credentials)
check("private_key_jwt", private_key_jwt)

print(f"{results['passed']} passed, {results['failed']} failed")
sys.exit(1 if results["failed"] else 0)
