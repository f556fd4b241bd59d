"""What the frameworks' tests ask for, and of whom."""

import pytest
from pydantic import BaseModel

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

#: Vendors that speak Chat Completions and Responses, Messages, and generateContent.
VENDORS = ["openai", "anthropic", "google"]


class Trip(BaseModel):
    """A trip to plan."""

    city: str
    days: int


#: What the fake vendors make of that shape.
TRIP = Trip(city="sample", days=1)


def clients(*makers):
    """A fixture for tests: each maker, `make(weir, model, **options)`, before each vendor."""
    pairs = [(make, vendor) for make in makers for vendor in VENDORS]

    @pytest.fixture(params=pairs, ids=[f"{make.__name__}-{vendor}" for make, vendor in pairs])
    def client(request, weir):
        make, vendor = request.param
        return lambda behaviour, **options: make(weir, f"{vendor}/{behaviour}", **options)

    return client
