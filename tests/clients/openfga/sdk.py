"""OpenFGA's own Python SDK, unmodified, against Tessera.

Environment: TESSERA_URL, the server; TESSERA_TOKEN, an access token or API key whose subject may manage stores.
Ends with `N passed, N failed`, and non-zero when something failed.
"""

import os
import sys
import traceback

from openfga_sdk.client import ClientConfiguration
from openfga_sdk.client.models import (
    ClientAssertion,
    ClientBatchCheckItem,
    ClientBatchCheckRequest,
    ClientCheckRequest,
    ClientExpandRequest,
    ClientListObjectsRequest,
    ClientTuple,
    ClientWriteRequest,
)
from openfga_sdk.client.models.list_users_request import ClientListUsersRequest
from openfga_sdk.credentials import CredentialConfiguration, Credentials
from openfga_sdk.exceptions import NotFoundException, UnauthorizedException, ValidationException
from openfga_sdk.models import CreateStoreRequest, FgaObject, ReadRequestTupleKey, UserTypeFilter
from openfga_sdk.sync import OpenFgaClient

MODEL = {
    "schema_version": "1.1",
    "type_definitions": [
        {"type": "user"},
        {
            "type": "folder",
            "relations": {"viewer": {"this": {}}},
            "metadata": {"relations": {"viewer": {"directly_related_user_types": [{"type": "user"}, {"type": "user", "wildcard": {}}]}}},
        },
        {
            "type": "document",
            "relations": {
                "parent": {"this": {}},
                "viewer": {
                    "union": {
                        "child": [
                            {"this": {}},
                            {"tupleToUserset": {"tupleset": {"relation": "parent"}, "computedUserset": {"relation": "viewer"}}},
                        ]
                    }
                },
            },
            "metadata": {
                "relations": {
                    "parent": {"directly_related_user_types": [{"type": "folder"}]},
                    "viewer": {"directly_related_user_types": [{"type": "user"}]},
                }
            },
        },
    ],
}

DIRECT = ClientTuple(user="user:anne", relation="viewer", object="document:plan")
PARENT = ClientTuple(user="folder:shared", relation="parent", object="document:plan")
INHERITED = ClientTuple(user="user:bob", relation="viewer", object="folder:shared")

passed = failed = 0


def client(store_id=None, token=None):
    credentials = Credentials(
        method="api_token",
        configuration=CredentialConfiguration(api_token=token or os.environ["TESSERA_TOKEN"]),
    )
    return OpenFgaClient(ClientConfiguration(api_url=os.environ["TESSERA_URL"], store_id=store_id, credentials=credentials))


def test(run):
    global passed, failed
    try:
        run()
        passed += 1
    except Exception:
        failed += 1
        print(f"FAILED {run.__name__}", file=sys.stderr)
        traceback.print_exc()


def refuses(kind, run):
    try:
        run()
    except kind:
        return
    raise AssertionError(f"expected {kind.__name__}")


def allowed(user, **more):
    return fga.check(ClientCheckRequest(user=user, relation="viewer", object="document:plan", **more)).allowed


store = client().create_store(CreateStoreRequest(name="python sdk"))
fga = client(store.id)


@test
def a_store_is_shown_and_listed():
    assert fga.get_store().name == "python sdk"
    assert any(one.id == store.id for one in client().list_stores({"page_size": 100}).stores)


@test
def a_model_is_written_and_read_back():
    model_id = fga.write_authorization_model(MODEL).authorization_model_id
    read = fga.read_authorization_model({"authorization_model_id": model_id}).authorization_model
    assert read.id == model_id
    assert read.type_definitions[2].relations["viewer"].union.child[1].tuple_to_userset.tupleset.relation == "parent"
    assert fga.read_latest_authorization_model().authorization_model.id == model_id


@test
def tuples_are_written_checked_and_read():
    fga.write(ClientWriteRequest(writes=[DIRECT, PARENT, INHERITED]))
    assert allowed("user:anne") and allowed("user:bob") and not allowed("user:carl")
    assert allowed("user:carl", contextual_tuples=[ClientTuple(user="user:*", relation="viewer", object="folder:shared")])
    assert len(fga.read(ReadRequestTupleKey(object="document:plan")).tuples) == 2
    assert len(fga.read(ReadRequestTupleKey(user="user:bob", object="folder:")).tuples) == 1


@test
def a_batch_of_checks():
    checks = [
        ClientBatchCheckItem(user=user, relation="viewer", object="document:plan", correlation_id=user[5:])
        for user in ("user:anne", "user:carl")
    ]
    answers = fga.batch_check(ClientBatchCheckRequest(checks=checks)).result
    assert {one.correlation_id: one.allowed for one in answers} == {"anne": True, "carl": False}


@test
def objects_are_listed_and_streamed():
    asked = ClientListObjectsRequest(user="user:bob", relation="viewer", type="document")
    assert fga.list_objects(asked).objects == ["document:plan"]
    assert [one.object for one in fga.streamed_list_objects(asked)] == ["document:plan"]
    unknown = ClientListObjectsRequest(user="user:bob", relation="boss", type="document")
    refuses(ValidationException, lambda: fga.list_objects(unknown))


@test
def users_are_listed():
    asked = ClientListUsersRequest(
        object=FgaObject(type="document", id="plan"),
        relation="viewer",
        user_filters=[UserTypeFilter(type="user")],
    )
    assert [one.object.id for one in fga.list_users(asked).users] == ["anne", "bob"]
    asked.contextual_tuples = [ClientTuple(user="user:*", relation="viewer", object="folder:shared")]
    assert fga.list_users(asked).users[0].wildcard.type == "user"


@test
def a_relation_is_expanded_to_a_tree():
    root = fga.expand(ClientExpandRequest(relation="viewer", object="document:plan")).tree.root
    direct, inherited = root.union.nodes
    assert direct.leaf.users.users == ["user:anne"]
    assert inherited.leaf.tuple_to_userset.tupleset == "document:plan#parent"
    assert [one.userset for one in inherited.leaf.tuple_to_userset.computed] == ["folder:shared#viewer"]


@test
def assertions_of_a_model_are_kept():
    model_id = fga.read_latest_authorization_model().authorization_model.id
    options = {"authorization_model_id": model_id}
    fga.write_assertions([ClientAssertion(user="user:anne", relation="viewer", object="document:plan", expectation=True)], options)
    read = fga.read_assertions(options)
    assert [(one.tuple_key.user, one.expectation) for one in read.assertions] == [("user:anne", True)]


@test
def bad_input_is_a_validation_error():
    refuses(ValidationException, lambda: fga.write(ClientWriteRequest(writes=[DIRECT])))
    for wrong in (
        ClientTuple(user="anne", relation="viewer", object="document:plan"),
        ClientTuple(user="user:anne", relation="boss", object="document:plan"),
        ClientTuple(user="user:*", relation="viewer", object="document:plan"),
    ):
        refuses(ValidationException, lambda wrong=wrong: fga.write(ClientWriteRequest(writes=[wrong])))
    refuses(ValidationException, lambda: client().create_store(CreateStoreRequest(name="x")))


@test
def strangers_are_refused_and_missing_stores_not_found():
    refuses(UnauthorizedException, lambda: client(store.id, "nonsense").read(ReadRequestTupleKey()))
    refuses(NotFoundException, lambda: client("01ARZ3NDEKTSV4RRFFQ69G5FAV").get_store())


@test
def deleting_ends_it():
    fga.write(ClientWriteRequest(deletes=[DIRECT, PARENT, INHERITED]))
    assert fga.read(ReadRequestTupleKey()).tuples == []
    fga.delete_store()
    refuses(NotFoundException, fga.get_store)


print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
