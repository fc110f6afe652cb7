"""Texts that become scripts or markup wherever a page forgets to escape. Each marks what it makes with `data-xss`."""

_WAYS = (
    "<script data-xss>xss()</script>",
    "<img data-xss src=x onerror=xss()>",
    "<svg data-xss onload=xss()>",
    "<svg><script data-xss href=data:text/javascript,xss() /></svg>",
    '<math><mi data-xss xlink:href="javascript:xss()">x</mi></math>',
    '<iframe data-xss srcdoc="&lt;script&gt;xss()&lt;/script&gt;">',
    '<a data-xss href="javascript:xss()" autofocus>x</a>',
    '<form data-xss action="javascript:xss()"><button formaction="javascript:xss()">x',
    "<input data-xss autofocus onfocus=xss()>",
    "<details data-xss open ontoggle=xss()>",
    '<object data-xss data="javascript:xss()">',
    "<video data-xss><source onerror=xss()></video>",
    '<base data-xss href="https://evil.example/">',
    '<meta data-xss http-equiv="refresh" content="0;url=javascript:xss()">',
    '<link data-xss rel="stylesheet" href="https://evil.example/x.css">',
    '<style data-xss>* { background: url("javascript:xss()") }</style>',
    '<div data-xss hx-get="/customers" hx-trigger="load" hx-on::load="xss()">',
    '<div data-xss hx-swap-oob="innerHTML:body">gone</div>',
    "<x data-xss onanimationstart=xss() style=animation:pulse>",
    "<template data-xss><img src onerror=xss()></template>",
)
# What ends the place in which a text may stand.
_ENDS = ("", '">', "'>", "`>", "</title>", "</textarea>", "</script>", "</option></select>", "-->", "]]>")
_ATTRIBUTES = (
    '" data-xss onmouseover="xss()',
    "' data-xss onfocus='xss()' autofocus x='",
    "x data-xss onfocus=xss() autofocus",
    "javascript:xss()//data-xss",
    " \tjAvAsCrIpT:xss()",
    "data:text/html,<script>xss()</script>",
    "{{ 7 * 7 }}{% raw %}${xss()}<%= xss() %>",
    "\u2028xss()\u2029//",
    "&lt;script data-xss&gt;xss()&lt;/script&gt;",
    "\\x3cscript data-xss\\x3exss()\\x3c/script\\x3e",
)
ALL = tuple(end + way for end in _ENDS for way in _WAYS) + _ATTRIBUTES
# For names, of which few characters are taken.
SHORT = (
    *(f"{end}<svg data-xss onload=xss()>" for end in ("", '"', "'", "`", "-->")),
    *(f"{end}<img src data-xss onerror=xss()>" for end in ("", '"', "'", "`", "-->")),
    '"data-xss onmouseover="xss()',
    "javascript:xss()",
)
EVIL = ALL[1]

# Before a page's own scripts: whatever runs or breaks the policy is noted.
CANARY = """
window.caught = [];
window.xss = () => caught.push("a script has run");
for (const name of ["alert", "confirm", "prompt", "print"]) window[name] = () => caught.push(name);
document.addEventListener("securitypolicyviolation", (event) => caught.push(event.violatedDirective, event.blockedURI));
"""
# What a document has that only a payload can have made.
MARKS = """(page) => {
    const LINKS = /^(href|src|action|formaction|data|xlink:href)$/i;
    const SCRIPTS = /^\\s*(javascript|vbscript|data:(?!image))/i;
    const isEvil = ({ name, value }) => /^on|^hx-on|^style$|^srcdoc$|^data-xss$/i.test(name)
        || LINKS.test(name) && SCRIPTS.test(value);
    return [...page.querySelectorAll("*")].flatMap((one) => [...one.attributes].filter(isEvil)
        .map(({ name, value }) => `<${one.localName} ${name}="${value}">`));
}"""
