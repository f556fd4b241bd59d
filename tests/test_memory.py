"""Large pictures, by what the process holds while they pass."""

import base64
import os

import pytest

from conftest import config, openai_on

PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + os.urandom(12 << 20)).decode()


def resident(weir, field):
    """`VmRSS` or its peak, `VmHWM`, in bytes."""
    with open(f"/proc/{weir.child.pid}/status") as status:
        [line] = [line for line in status if line.startswith(field + ":")]
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize("vendor", ["openai", "anthropic", "google"])
def test_a_picture_is_held_twice_at_most(gateway, mimic, vendor):
    """As it came and as it leaves; natively once."""
    weir = gateway(config(mimic))
    idle = resident(weir, "VmRSS")
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}}
    content = [{"type": "text", "text": "What is it?"}, picture]
    with openai_on(weir) as chat:
        answer = chat.chat.completions.create(model=f"{vendor}/echo", messages=[{"role": "user", "content": content}])
    assert answer.choices[0].message.content == "What is it?"
    copies = (resident(weir, "VmHWM") - idle) / len(PICTURE)
    assert copies < (1.5 if vendor == "openai" else 2.5)
