"""The endpoints of mobile apps, at the top level: launch, event, login, logout and push token of a device."""

from webapp import retention, visits
from webapp.api import devices, replies
from webapp.api.call import Call
from webapp.api.mobile_shapes import MobileReader
from webapp.api.replies import Reply
from webapp.api.rest import MOST_CUSTOM_ATTRIBUTES
from webapp.api.shapes import MOST_EVENT_ATTRIBUTES, MOST_SENT_ATTRIBUTES
from webapp.ingest.changes import Change, CustomerUpdate, DeviceInfo, EventRecord, Login, Logout, PushToken

LAUNCHED = "App Launched"


def launch(call: Call) -> Reply:
    """Begin on a device, which gets an id here if it has none. Answers with the ids of device and visit."""
    body = call.read(MobileReader)
    did = body.did_if_any() or devices.new_did(call)
    at = body.timestamp()
    info = body.launch_info()
    device = devices.on(call, did)
    context = devices.context(call, info.referrer, info.utm)
    changes: list[Change] = [DeviceInfo(device, info.device, at)]
    # A phone whose clock is years behind gets its id all the same, or the app couldn't do anything.
    if not retention.is_too_old(call.workspace, at, call.now()):
        changes.append(EventRecord(device, LAUNCHED, (), at, context))
    outcome = call.store(body, *changes)
    if call.is_dry_run:  # there is no such visit
        return call.reply({"did": did, "sid": None}, outcome)
    with call.house.database.read() as session:
        return replies.of({"did": did, "sid": visits.session_id(session, call.workspace.id, did, at)})


def event(call: Call) -> Reply:
    """Record an event of whoever is on the device."""
    body = call.read(MobileReader)
    change = EventRecord(
        who=devices.on(call, body.did()),
        name=body.event_name(),
        attributes=body.told(MOST_EVENT_ATTRIBUTES),
        reported_at=body.timestamp(),
        context=devices.context(call),
    )
    return call.answer(body, change)


def login(call: Call) -> Reply:
    """Say who is on the device from now on, and set attributes of that customer."""
    body = call.read(MobileReader)
    device = devices.on(call, body.did())
    system_id, at = body.system_id("clientCustomerId"), body.timestamp()
    changes: list[Change] = [Login(device, system_id, at)]
    attributes = body.told(MOST_SENT_ATTRIBUTES)
    if attributes:
        changes.append(CustomerUpdate(system_id, attributes, MOST_CUSTOM_ATTRIBUTES, at))
    return call.answer(body, *changes)


def logout(call: Call) -> Reply:
    """Say that the customer has left the device."""
    body = call.read(MobileReader)
    return call.answer(body, Logout(devices.on(call, body.did()), body.timestamp_if_any()))


def push_token(call: Call) -> Reply:
    """Keep the token by which the device takes push messages."""
    body = call.read(MobileReader)
    return call.answer(body, PushToken(devices.on(call, body.did()), body.push_token()))


ENDPOINTS = {
    "/mcrs_appl_v1": launch,
    "/msv_cevt": event,
    "/msv_cs_id": login,
    "/logout": logout,
    "/mpush_token": push_token,
}
