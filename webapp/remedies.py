"""What to do about a refused request, by the type of its first fault."""

_OF_CODE = {
    "any.required": "Send this field with every request.",
    "any.null": "Leave the attribute out while it has no value, or send a value.",
    "any.only": "Send one of those that are named there.",
    "string.empty": "Send it only where there is a text.",
    "string.max": "Shorten it where it is sent.",
    "string.length": "Send an id of 1 to 64 characters.",
    "string.pattern": "Send the id that the SDK or the launch has given this device.",
    "string.unicode": "Remove NUL characters and broken emoji where the text is made.",
    "number.integer": "Send a whole number: round it where it is sent.",
    "number.unsafe": "Send numbers of more than 18 digits, such as ids, as strings.",
    "number.infinity": "Leave the value out where a calculation has no result.",
    "date.range": "Send epoch milliseconds: in most languages, seconds × 1,000.",
    "date.retention": "Leave such events out, or keep events for longer in Settings › Privacy and send these again.",
    "id.placeholder": "Send nothing until the customer's id is known. If a customer of yours really has this id, take"
    " it off the list in Settings › Workspace and send these again.",
    "object.duplicate": "Send each key once; of two values one would be lost.",
    "object.max": "Send less of it.",
    "array.unique": "Send each attribute once.",
    "attributes.max": "Send fewer attributes, or those that tell about a moment with an event.",
    "batch.max": "Send the changes in several batches.",
    "messages.max": "Send the messages in several bodies.",
    "json.empty": "Send a JSON object as the body.",
    "json.encoding": "Send the body as UTF-8.",
    "json.depth": "Send the inner parts as a text, or as attributes of their own.",
    "json.invalid": "Make the body by a JSON library, not by putting texts together.",
    "gzip.invalid": "Send the header Content-Encoding: gzip only with a body that is compressed.",
    "idempotency.reused": "Use a new Idempotency-Key for each new request.",
    "origin.refused": "If the page is yours, allow its origin in Settings › Website and send these again.",
    "rate.max": "Send less often, or several changes in a batch; the SDK waits and sends again by itself. A key's"
    " limit stands in Settings › API keys.",
    "signature.required": "Let your server sign the System ID, and hand the signature to the SDK.",
    "signature.invalid": "Sign with the workspace's present secret: Settings › Website.",
    "request.payload.too.large": "Send less at a time, or use batches.",
    "request.bad.request": "The connection broke while it was sent; send it again.",
    "request.unsupported.media.type": "Compress with gzip, or not at all.",
}


def of(code: str) -> str:
    """A sentence for a fault's type."""
    if code.endswith(".base"):
        return "Send the type that is expected, or use another name for what you have."
    return _OF_CODE.get(code, "See what came below, and mend it where it is sent.")
