"""What goes wrong, as the SDKs tell it to their users: classes, retries, and never a hang."""

import contextlib
import json
import socket

import anthropic
import openai
import pytest

import test_chat
import test_messages
from conftest import KEY, NARROW_KEY, anthropic_on, openai_on
from harness import fetch, until

#: What a vendor's status becomes for openai-python.
OPENAI = {
    400: (openai.BadRequestError, 400),
    # Our credential was refused: never to be taken for the caller's.
    401: (openai.InternalServerError, 502),
    403: (openai.InternalServerError, 502),
    404: (openai.NotFoundError, 404),
    413: (openai.APIStatusError, 413),
    422: (openai.UnprocessableEntityError, 422),
    429: (openai.RateLimitError, 429),
    500: (openai.InternalServerError, 500),
    502: (openai.InternalServerError, 502),
    503: (openai.InternalServerError, 503),
    504: (openai.InternalServerError, 504),
}

ANTHROPIC = {
    400: (anthropic.BadRequestError, 400, "invalid_request_error"),
    401: (anthropic.InternalServerError, 502, "api_error"),
    403: (anthropic.InternalServerError, 502, "api_error"),
    404: (anthropic.NotFoundError, 404, "not_found_error"),
    413: (anthropic.RequestTooLargeError, 413, "request_too_large"),
    422: (anthropic.UnprocessableEntityError, 422, "invalid_request_error"),
    429: (anthropic.RateLimitError, 429, "rate_limit_error"),
    500: (anthropic.InternalServerError, 500, "api_error"),
    502: (anthropic.InternalServerError, 502, "api_error"),
    504: (anthropic.DeadlineExceededError, 504, "timeout_error"),
}


@pytest.mark.parametrize("status", OPENAI)
@pytest.mark.parametrize("stream", [False, True])
def test_a_vendors_refusal_for_openai(chat, mimic, upstream, status, stream):
    """Also for streams: what fails before its first word has the status of the failure."""
    kind, expected = OPENAI[status]
    with pytest.raises(kind) as failure:
        chat.chat.completions.create(model=f"{upstream}/fail+status={status}", messages=test_chat.ask(), stream=stream)
    error = failure.value
    assert error.status_code == expected
    assert error.message and error.type, error.body
    assert error.response.headers["x-weir-request-id"]
    assert len(mimic.requests()) == 1


@pytest.mark.parametrize("status", ANTHROPIC)
@pytest.mark.parametrize("stream", [False, True])
def test_a_vendors_refusal_for_anthropic(claude, upstream, status, stream):
    kind, expected, word = ANTHROPIC[status]
    with pytest.raises(kind) as failure:
        claude.messages.create(model=f"{upstream}/fail+status={status}", stream=stream, **test_messages.ask())
    error = failure.value
    assert (error.status_code, error.type) == (expected, word)
    assert error.api_message and error.body["type"] == "error"
    assert error.response.headers["x-weir-request-id"]


def test_an_overloaded_vendor(chat, claude):
    """529 is Anthropic's own word; OpenAI says 503."""
    with pytest.raises(anthropic.OverloadedError) as failure:
        claude.messages.create(model="anthropic/fail+status=529", **test_messages.ask())
    assert failure.value.type == "overloaded_error"
    with pytest.raises(anthropic.APIStatusError) as failure:
        claude.messages.create(model="openai/fail+status=503", **test_messages.ask())
    assert failure.value.type == "overloaded_error" and failure.value.status_code in (503, 529)
    with pytest.raises(openai.InternalServerError) as failure:
        chat.chat.completions.create(model="anthropic/fail+status=529", messages=test_chat.ask())
    assert failure.value.status_code == 503


@pytest.mark.parametrize("provider", ["badkey", "badclaude"])
def test_a_refused_credential_is_not_the_callers(chat, claude, provider):
    with pytest.raises(openai.InternalServerError) as failure:
        chat.chat.completions.create(model=f"{provider}/echo", messages=test_chat.ask())
    assert failure.value.status_code == 502 and "sk-bad" not in str(failure.value.body)
    assert "api key" not in failure.value.message.lower()
    with pytest.raises(anthropic.InternalServerError) as failure:
        claude.messages.create(model=f"{provider}/echo", **test_messages.ask())
    assert failure.value.status_code == 502 and "sk-bad" not in str(failure.value.body)


def test_a_vendor_that_is_not_there(chat, claude):
    with pytest.raises(openai.InternalServerError) as failure:
        chat.chat.completions.create(model="nobody/echo", messages=test_chat.ask())
    assert failure.value.status_code == 502 and "127.0.0.1" not in failure.value.message
    with pytest.raises(anthropic.InternalServerError) as failure:
        claude.messages.create(model="nobody/echo", **test_messages.ask())
    assert failure.value.status_code == 502


def test_the_vendors_own_words(chat, claude, upstream):
    """In the vendor's own dialect its error body is passed on as it is; in the other, its sense."""
    with pytest.raises(openai.BadRequestError) as failure:
        chat.chat.completions.create(
            model=f"{upstream}/fail+status=400+code=context_length_exceeded", messages=test_chat.ask()
        )
    if upstream == "openai":
        assert (failure.value.code, failure.value.param) == ("context_length_exceeded", "messages")
    with pytest.raises(anthropic.BadRequestError) as failure:
        claude.messages.create(model="openai/fail+status=400+code=context_length_exceeded", **test_messages.ask())
    assert "context length" in failure.value.api_message


@pytest.mark.parametrize("seconds", [1, 7])
def test_retry_after(chat, claude, upstream, seconds):
    model = f"{upstream}/fail+status=429+retry_after={seconds}"
    with pytest.raises(openai.RateLimitError) as failure:
        chat.chat.completions.create(model=model, messages=test_chat.ask())
    assert failure.value.response.headers["retry-after"] == str(seconds)
    with pytest.raises(anthropic.RateLimitError) as failure:
        claude.messages.create(model=model, **test_messages.ask())
    assert failure.value.response.headers["retry-after"] == str(seconds)


@pytest.mark.parametrize(
    ("failure", "requests"),
    [("status=429", 3), ("status=503", 3), ("status=500", 3), ("status=400", 1), ("status=404", 1), ("status=422", 1)],
)
def test_retries_of_the_sdks(weir, mimic, upstream, failure, requests):
    """Names of the form provider/model are never retried by the gateway, so that these are all."""
    with openai_on(weir, max_retries=2) as client, pytest.raises(openai.APIStatusError):
        client.chat.completions.create(model=f"{upstream}/fail+{failure}", messages=test_chat.ask())
    assert len(mimic.requests()) == requests
    mimic.forget()
    with anthropic_on(weir, max_retries=2) as client, pytest.raises(anthropic.APIStatusError):
        client.messages.create(model=f"{upstream}/fail+{failure}", **test_messages.ask())
    assert len(mimic.requests()) == requests


def test_keys_that_are_none(weir, mimic):
    for key in ("sk-weir-nobody-has-this-key", "no", KEY + "x"):
        with openai_on(weir, key) as client:
            with pytest.raises(openai.AuthenticationError) as failure:
                client.chat.completions.create(model="openai/echo", messages=test_chat.ask())
            assert failure.value.code == "invalid_api_key" and f"{key}`" not in failure.value.message
            with pytest.raises(openai.AuthenticationError):
                client.models.list()
        with anthropic_on(weir, key) as client:
            with pytest.raises(anthropic.AuthenticationError) as failure:
                client.messages.create(model="anthropic/echo", **test_messages.ask())
            assert failure.value.type == "authentication_error"
    assert mimic.requests() == []


def test_keys_stand_where_the_sdks_put_them(weir):
    body = b'{"model":"openai/echo","messages":[{"role":"user","content":"Hi"}]}'
    for header in ({"authorization": f"Bearer {KEY}"}, {"x-api-key": KEY}, {"api-key": KEY}, {"x-goog-api-key": KEY}):
        status, _, _ = fetch(
            f"{weir.url}/v1/chat/completions", "POST", header | {"content-type": "application/json"}, body
        )
        assert status == 200, header


def test_models_that_the_key_may_not_use(weir, mimic):
    with openai_on(weir, NARROW_KEY) as client:
        assert client.chat.completions.create(model="friend", messages=test_chat.ask()).model == "friend"
        assert client.chat.completions.create(model="openai/echo", messages=test_chat.ask())
        mimic.forget()
        # A name that may be used does not open the target behind it, nor another one.
        for model in ("openai/lorem", "anthropic/echo", "claude"):
            with pytest.raises(openai.PermissionDeniedError):
                client.chat.completions.create(model=model, messages=test_chat.ask())
    with anthropic_on(weir, NARROW_KEY) as client, pytest.raises(anthropic.PermissionDeniedError) as failure:
        client.messages.create(model="claude", **test_messages.ask())
    assert failure.value.type == "permission_error"
    assert mimic.requests() == []


def test_models_that_are_none(chat, claude):
    with pytest.raises(openai.NotFoundError) as failure:
        chat.chat.completions.create(model="frend", messages=test_chat.ask())
    assert failure.value.code == "model_not_found" and "`friend`" in failure.value.message
    with pytest.raises(anthropic.NotFoundError) as failure:
        claude.messages.create(model="nowhere/echo", **test_messages.ask())
    assert failure.value.type == "not_found_error"


def read_openai(chat, model):
    """The text until the stream fails, and the failure."""
    text = ""
    stream = chat.chat.completions.create(model=model, messages=test_chat.ask(), stream=True)
    with pytest.raises(openai.APIError) as failure:
        for chunk in stream:
            assert not chunk.choices or chunk.choices[0].finish_reason is None, "a cut answer is not finished"
            text += "".join(choice.delta.content or "" for choice in chunk.choices)
    return text, failure.value


def read_anthropic(claude, model):
    text = ""
    stream = claude.messages.create(model=model, stream=True, **test_messages.ask())
    with pytest.raises(anthropic.APIStatusError) as failure:
        for event in stream:
            assert event.type not in ("message_delta", "message_stop"), "a cut answer is not finished"
            if event.type == "content_block_delta":
                text += event.delta.text
    return text, failure.value


BREAKS = ["lorem+error+at=9", "lorem+cut+at=9", "reset+at=9"]


@pytest.mark.parametrize("break_", BREAKS)
def test_streams_that_break_for_openai(chat, upstream, break_):
    text, failure = read_openai(chat, f"{upstream}/{break_}")
    assert text.startswith("Lorem ipsum")
    assert not isinstance(failure, openai.APIConnectionError), "the stream ends with an error event"
    assert failure.message and failure.type


@pytest.mark.parametrize("break_", BREAKS)
def test_streams_that_break_for_anthropic(claude, upstream, break_):
    text, failure = read_anthropic(claude, f"{upstream}/{break_}")
    assert text.startswith("Lorem ipsum")
    assert failure.body["type"] == "error" and failure.body["error"]["message"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("body", ["html", "null", "malformed", "empty"])
def test_answers_that_are_none(chat, claude, upstream, body, stream):
    """200, but no answer: a 502 that says so, and no HTML for anyone."""
    with pytest.raises(openai.InternalServerError) as failure:
        chat.chat.completions.create(model=f"{upstream}/lorem+body={body}", messages=test_chat.ask(), stream=stream)
    assert failure.value.status_code == 502 and "nginx" not in str(failure.value.body)
    with pytest.raises(anthropic.InternalServerError) as failure:
        claude.messages.create(model=f"{upstream}/lorem+body={body}", stream=stream, **test_messages.ask())
    assert failure.value.status_code == 502 and "nginx" not in str(failure.value.body)


@pytest.mark.parametrize("fault", ["drop", "lorem+cut", "reset+at=0"])
def test_whole_answers_that_break(chat, claude, upstream, fault):
    with pytest.raises(openai.InternalServerError) as failure:
        chat.chat.completions.create(model=f"{upstream}/{fault}", messages=test_chat.ask())
    assert failure.value.status_code == 502
    with pytest.raises(anthropic.InternalServerError) as failure:
        claude.messages.create(model=f"{upstream}/{fault}", **test_messages.ask())
    assert failure.value.status_code == 502


def test_a_stream_without_done(chat, claude, upstream):
    """All was said but the last word: the client gets a lawful end, or hears that there is none."""
    chunks = list(chat.chat.completions.create(model="openai/lorem+no_done", messages=test_chat.ask(), stream=True))
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    message = test_messages.send(claude, True, model="openai/lorem+no_done", **test_messages.ask())
    assert message.stop_reason == "end_turn"


def test_a_client_that_leaves(chat, weir, mimic, upstream):
    """The vendor is told at once, so that it stops writing what nobody reads."""
    stream = chat.chat.completions.create(
        model=f"{upstream}/lorem+gap_ms=50+chunks=1000", messages=test_chat.ask(), stream=True
    )
    next(iter(stream))
    stream.close()
    until(lambda: mimic.last()["cancelled"], "the vendor's stream is cancelled")


def test_a_client_that_leaves_before_an_answer(weir, mimic, upstream):
    with openai_on(weir, timeout=0.5) as client, pytest.raises(openai.APITimeoutError):
        client.chat.completions.create(model=f"{upstream}/hang", messages=test_chat.ask())
    until(lambda: mimic.last()["cancelled"], "the vendor's request is cancelled")


JSON = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
DEEP = b'{"model":"openai/echo","messages":' + b"[" * 50_000 + b"]" * 50_000 + b"}"


@pytest.mark.parametrize(
    ("path", "method", "body", "headers", "expected"),
    [
        ("chat/completions", "POST", b"{not json", {}, 400),
        ("chat/completions", "POST", b"", {}, 400),
        ("chat/completions", "POST", b"[]", {}, 400),
        ("chat/completions", "POST", b"null", {}, 400),
        ("chat/completions", "POST", b'{"messages":[]}', {}, 400),
        ("chat/completions", "POST", b'{"model":7,"messages":[]}', {}, 400),
        ("chat/completions", "POST", b'{"model":"openai/echo","messages":[{"role":"user","content":"\xff"}]}', {}, 400),
        (
            "chat/completions",
            "POST",
            b'{"model":"anthropic/echo","messages":[{"role":"user","content":"\xff"}]}',
            {},
            400,
        ),
        (
            "chat/completions",
            "POST",
            b'{"model":"anthropic/echo","messages":[{"role":"nobody","content":"Hi"}]}',
            {},
            400,
        ),
        ("chat/completions", "POST", b'{"model":"anthropic/echo","messages":"Hi"}', {}, 400),
        ("chat/completions", "POST", b'{"model":"anthropic/echo"}', {}, 400),
        ("chat/completions", "POST", DEEP, {}, 400),
        ("chat/completions", "POST", DEEP.replace(b"openai", b"anthropic"), {}, 400),
        ("chat/completions", "POST", b"x=1", {"content-type": "application/x-www-form-urlencoded"}, 415),
        ("chat/completions", "POST", b"\x1f\x8b", {"content-encoding": "gzip"}, 415),
        ("chat/completions", "GET", None, {}, 405),
        ("nothing", "POST", b"{}", {}, 404),
        ("messages", "POST", b"{not json", {}, 400),
        ("messages", "POST", b"", {}, 400),
        ("messages", "POST", b'{"model":"openai/echo","messages":[{"role":"user","content":"Hi"}]}', {}, 400),
        ("messages", "POST", DEEP.replace(b'"messages"', b'"max_tokens":1,"messages"'), {}, 400),
        ("messages", "DELETE", None, {}, 405),
        ("messages/count_tokens", "POST", b"{", {}, 400),
        ("embeddings", "POST", b'{"input":"x"}', {}, 400),
    ],
)
def test_bad_requests(weir, path, method, body, headers, expected):
    status, answered, text = fetch(f"{weir.url}/v1/{path}", method, JSON | headers, body)
    assert status == expected, text
    assert answered["content-type"] == "application/json"
    error = json.loads(text)
    if path.startswith("messages"):
        assert error["type"] == "error" and error["error"]["type"]
    assert error["error"]["message"]


def raw_exchange(weir, request):
    """Sends bytes and reads until the server closes."""
    host, port = weir.listen.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        with contextlib.suppress(OSError):  # It may have been refused already.
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer


def refusal(weir, request):
    """The status and the message of the answer to bytes after which the server closes."""
    head, _, body = raw_exchange(weir, request).partition(b"\r\n\r\n")
    assert b"x-weir-request-id: req_" in head
    return int(head.split()[1]), json.loads(body)["error"]["message"]


def test_requests_that_smuggle(weir):
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %s\r\n" % KEY.encode()
    body = b'{"model":"openai/echo","messages":[{"role":"user","content":"Hi"}]}'
    two_lengths = head + b"content-length: 5\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    status, message = refusal(weir, two_lengths)
    assert status == 400 and "Send one `Content-Length`" in message
    status, message = refusal(weir, b"nonsense\r\n\r\n")
    assert status == 400 and "HTTP/1.1" in message
    huge = head + b"x-filler: " + b"x" * 200_000 + b"\r\ncontent-length: 0\r\n\r\n"
    status, message = refusal(weir, huge)
    assert status == 431 and "server.max_header_bytes" in message


@pytest.mark.parametrize("mebibytes", [33, 80])
def test_a_body_over_the_limit(chat, claude, mebibytes):
    """The client hears why, although it is still sending when it is refused."""
    text = "x" * (mebibytes << 20)
    with pytest.raises(openai.APIStatusError) as failure:
        chat.chat.completions.create(model="openai/echo", messages=test_chat.ask(text))
    assert failure.value.status_code == 413 and "max_body" in failure.value.message
    with pytest.raises(anthropic.RequestTooLargeError):
        claude.messages.create(model="anthropic/echo", **test_messages.ask(text))


@pytest.mark.parametrize("kibibytes", [100, 1_000, 10_000])
def test_a_large_request_hears_why_it_is_refused(weir, kibibytes):
    """Refused before its body is read: the connection stays until the answer can be."""
    text = "x" * (kibibytes << 10)
    for _ in range(5):
        with openai_on(weir, "sk-weir-nobody-has-this-key") as client, pytest.raises(openai.AuthenticationError):
            client.chat.completions.create(model="openai/echo", messages=test_chat.ask(text))
        with anthropic_on(weir, "sk-weir-nobody-has-this-key") as client, pytest.raises(anthropic.AuthenticationError):
            client.messages.create(model="openai/echo", **test_messages.ask(text))
