"""A shop's website on an origin of its own, with the documented snippet in its pages."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).parents[2] / "docs" / "browser-sdk.md"
_TITLES = {"/": "Home", "/p/1": "Mixer", "/p/2": "Juicer", "/cart": "Cart"}
_BODY = """
<a id="mixer" href="/p/1?token=secret#top">Mixer</a>
<button id="buy" type="button">Buy <b>now</b></button>
<p id="notes" contenteditable>notes</p>
<form id="account" action="/cart?token=secret">
  <input name="id" value="secret">
  <input name="password" type="password" autocomplete="off"><textarea name="wish"></textarea>
  <select name="size"><option>S</option><option>secret size</option></select>
  <input id="send" type="submit" value="secret label">
</form>
"""


def snippet() -> str:
    """The documented snippet, as it stands in a page."""
    found = re.search(r"```html\n<script>\n(.*?)\n</script>\n```", DOCUMENT.read_text(), re.DOTALL)
    assert found is not None, "the document has no snippet"
    return found[1]


class ShopPages:
    """The website. What is set on it holds for the pages that are asked for next.

    `settings`: those of `initialize`; `headers`: of the pages; `has_file`: the snippet lies in a file; `copies`: how
    often it was pasted; `then`: what the page's own script calls right after it.
    """

    def __init__(self, url: str, host: str, key: str) -> None:
        self.url = url
        self.host = host
        self.key = key
        self.settings: dict[str, Any] = {"debug": True}
        self.headers: dict[str, str] = {}
        self.has_file = False
        self.copies = 1
        self.then = ""

    def script(self) -> str:
        """The snippet with this shop's server, key and settings."""
        told = json.dumps({"apiKey": self.key, **self.settings})
        filled = snippet().replace("https://profiles.example", self.host).replace('{ apiKey: "cpb_…" }', told)
        assert self.host in filled
        assert self.key in filled
        return "\n".join([*[filled] * self.copies, self.then])

    def page(self, path: str) -> str:
        """A page of the shop."""
        script = '<script src="/snippet.js"></script>' if self.has_file else f"<script>{self.script()}</script>"
        title = _TITLES.get(path.partition("?")[0], path)
        return f"<!doctype html><html><head><title>{title}</title>{script}</head><body>{_BODY}</body></html>"


@contextmanager
def open_shop(host: str, key: str) -> Iterator[ShopPages]:
    """A running website that tells a server, by its URL, of its visitors."""

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_script = self.path == "/snippet.js"
            body = (shop.script() if is_script else shop.page(self.path)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/javascript" if is_script else "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            for name, value in shop.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - likewise
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        shop = ShopPages(f"http://127.0.0.1:{server.server_port}", host, key)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield shop
        server.shutdown()
        thread.join()
