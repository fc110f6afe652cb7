"""The endpoints of mobile apps, at the top level: launch, event, login, logout and push token of a device."""

from flask import Blueprint, Response, jsonify

from webapp import visits
from webapp.api import devices
from webapp.api.door import answer, reader, store
from webapp.api.mobile_shapes import MobileReader
from webapp.api.rest import MOST_CUSTOM_ATTRIBUTES
from webapp.api.shapes import MOST_EVENT_ATTRIBUTES, MOST_SENT_ATTRIBUTES
from webapp.db import database
from webapp.ingest.changes import Change, CustomerUpdate, DeviceInfo, EventRecord, Login, Logout, PushToken

PATHS = ("/mcrs_appl_v1", "/msv_cevt", "/msv_cs_id", "/logout", "/mpush_token")
LAUNCH, EVENT, LOGIN, LOGOUT, PUSH_TOKEN = PATHS
LAUNCHED = "App Launched"

door = Blueprint("mobile", __name__)


@door.post(LAUNCH)
def launch() -> Response:
    """Begin on a device, which gets an id here if it has none. Answers with the ids of device and visit."""
    body = reader(MobileReader)
    did = body.did_if_any() or devices.new_did(body.workspace)
    at = body.timestamp()
    info = body.launch_info()
    device = devices.on(did)
    context = devices.context(body.workspace, info.referrer, info.utm)
    store(body, DeviceInfo(device, info.device, at), EventRecord(device, LAUNCHED, (), at, context))
    with database().read() as session:
        return jsonify({"did": did, "sid": visits.session_id(session, body.workspace.id, did, at)})


@door.post(EVENT)
def event() -> Response:
    """Record an event of whoever is on the device."""
    body = reader(MobileReader)
    change = EventRecord(
        who=devices.on(body.did()),
        name=body.event_name(),
        attributes=body.told(MOST_EVENT_ATTRIBUTES),
        reported_at=body.timestamp(),
        context=devices.context(body.workspace),
    )
    return answer(body, change)


@door.post(LOGIN)
def login() -> Response:
    """Say who is on the device from now on, and set attributes of that customer."""
    body = reader(MobileReader)
    device = devices.on(body.did())
    system_id, at = body.system_id("clientCustomerId"), body.timestamp()
    changes: list[Change] = [Login(device, system_id, at)]
    attributes = body.told(MOST_SENT_ATTRIBUTES)
    if attributes:
        changes.append(CustomerUpdate(system_id, attributes, MOST_CUSTOM_ATTRIBUTES, at))
    return answer(body, *changes)


@door.post(LOGOUT)
def logout() -> Response:
    """Say that the customer has left the device."""
    body = reader(MobileReader)
    return answer(body, Logout(devices.on(body.did()), body.timestamp_if_any()))


@door.post(PUSH_TOKEN)
def push_token() -> Response:
    """Keep the token by which the device takes push messages."""
    body = reader(MobileReader)
    return answer(body, PushToken(devices.on(body.did()), body.push_token()))
