"""Makes a drawing of matplotlib fit to stand in a page: smaller, without a header, in the page's type (rule)."""

import re

HEADER = re.compile(r"^.*?(?=<svg)", re.DOTALL)
METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
COMMENT = re.compile(r"\s*<!--.*?-->", re.DOTALL)
NAMED = re.compile(r'<g id="[^"]*"')
"""Groups are named after their place in the figure: the same in every figure of a page, where ids must be unique."""
FONT = re.compile(r"font: (?:(\d+|bold|normal) )?([\d.]+)px [^;\"]*")
SIZE = re.compile(r'(<svg [^>]*?)width="[^"]*"([^>]*?)height="[^"]*"|(<svg [^>]*?)height="[^"]*"([^>]*?)width="[^"]*"')
DRAWN = re.compile(r'(?<=\s)(d|points|x|y|transform)="([^"]*)"', re.DOTALL)
FRACTION = re.compile(r"(-?\d+\.\d\d?)\d*")
SPACES = re.compile(r"\s+")
BETWEEN_TAGS = re.compile(r">\s+<")
IDS = re.compile(r'(?<=id=")[a-z][0-9a-f]{8,}(?=")')


def inlined(svg: str, name: str) -> str:
    """The `<svg>` element alone; its ids begin with `name`."""
    svg = COMMENT.sub("", METADATA.sub("", HEADER.sub("", svg)))
    svg = NAMED.sub("<g", svg)
    svg = SIZE.sub(lambda m: "".join(part or "" for part in m.groups()), svg, count=1)
    svg = FONT.sub(_font, svg)
    svg = DRAWN.sub(_rounded, svg)
    svg = BETWEEN_TAGS.sub("><", svg)
    for number, hashed in enumerate(dict.fromkeys(IDS.findall(svg))):
        svg = svg.replace(hashed, f"{name}-{number}")
    return svg.strip()


def _font(match: re.Match[str]) -> str:
    weight = f"font-weight:{match[1]};" if match[1] else ""
    return f"{weight}font-size:{match[2]}px"


def _rounded(match: re.Match[str]) -> str:
    return f'{match[1]}="{FRACTION.sub(_two_places, SPACES.sub(" ", match[2]).strip())}"'


def _two_places(match: re.Match[str]) -> str:
    return match[1]
