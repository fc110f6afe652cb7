"""What axe finds on a page, in light and in dark."""

from collections.abc import Iterator
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_COLOURS = ["color-contrast", "link-in-text-block"]
_MARKUP = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    # target-size: 24 pixels; off unless asked for
    "rules": {"target-size": {"enabled": True}} | {rule: {"enabled": False} for rule in _COLOURS},
    "resultTypes": ["violations"],
    "preload": False,  # nothing here lies with others
}
_CONTRASTS = {"runOnly": {"type": "rule", "values": _COLOURS}, "resultTypes": ["violations"], "preload": False}
_THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

# What happens to lie under a heading that sticks, where the page is scrolled to, can be scrolled from under it.
_UNSTICK = """for (const one of document.querySelectorAll("*"))
    if (getComputedStyle(one).position === "sticky") one.style.position = "static";"""

# How each text that can be seen looks: its colours, what is painted under it, its size and weight. To look through the
# contrasts of a large page takes seconds, so the texts are marked whose looks aren't among those seen before.
_MARK_UNSEEN = """(seen) => {
    const under = new Map([[null, ""]]), known = new Set(seen), found = {};
    const paints = (one) => {
        if (!under.has(one)) {
            const { backgroundColor, backgroundImage, opacity } = getComputedStyle(one);
            const own = [backgroundColor, backgroundImage, opacity].join();
            under.set(one, paints(one.parentElement) + (own === "rgba(0, 0, 0, 0),none,1" ? "" : "/" + own));
        }
        return under.get(one);
    };
    const isText = (node) => node.nodeType === Node.TEXT_NODE && node.data.trim();
    for (const one of document.body.querySelectorAll("*")) {
        delete one.dataset.unseen;
        if (!one.matches("input, select, textarea") && ![...one.childNodes].some(isText)) continue;
        if (!one.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
        const { color, fontSize, fontWeight, textDecorationLine, textShadow } = getComputedStyle(one);
        const around = [one.tagName === "A", getComputedStyle(one.parentElement).color];
        const look = [paints(one), color, fontSize, fontWeight, textDecorationLine, textShadow, ...around].join();
        if (known.has(look)) continue;
        found[look] = (found[look] ?? 0) + 1;
        if (found[look] <= 5) one.dataset.unseen = "";
    }
    return Object.keys(found);
}"""


class Eyes:
    """Finds in words what axe has to say of pages: which rule, where. Contrasts only of looks that it hasn't seen."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def violations(self, page: Page) -> list[str]:
        """Of a page in light and in dark. The markup is the same in both."""
        page.wait_for_load_state()
        page.evaluate(_UNSTICK)
        found = list(self._found(page, _MARKUP))
        for theme in _THEMES:
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            unseen = page.evaluate(_MARK_UNSEEN, list(self._seen))
            if unseen:
                found += [f"{theme} {one}" for one in self._found(page, _CONTRASTS, "[data-unseen]")]
                self._seen.update(unseen)
        assert self._seen
        return found

    def _found(self, page: Page, options: dict[str, Any], context: str | None = None) -> Iterator[str]:
        answer: dict[str, Any] = Axe().run(page, context=context, options=options).response
        for one in answer["violations"]:
            for node in one["nodes"][:3]:
                where = f"{page.viewport_size} {page.url} {node['target']}"
                yield f"{one['id']}: {where} {node['html'][:200]} {node['failureSummary']}"
