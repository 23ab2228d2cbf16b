"""The OpenAPI document is one, and what the board answers is what it says (SPEC 9.9)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings, strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.specs.openapi.checks import positive_data_acceptance
from web.running import Running, running

from billboard import BoardParameters, FrameClass
from billboard.board.server import create_app
from billboard.board.serving.openapi import describe
from board.serving.support import ORIGIN, make_post, new_board

FEW = settings(max_examples=60, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
MANY = settings(FEW, max_examples=4000)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Any]]:
    """A board with an edition, and the schema that it serves."""
    with new_board(tmp_path_factory.mktemp("openapi")) as (board, _):
        board.submit_all([make_post(board)])
        board.publish(board.epoch)
        with running(create_app(board)) as server:
            document = json.loads(server.get("/openapi.json").body)
            schema = schemathesis.openapi.from_dict(document)
            schema.config.update(base_url=f"http://127.0.0.1:{server.port}")
            # Its own list lacks 413.
            schema.config.checks.negative_data_rejection.expected_statuses = ["4xx"]
            yield server, schema


@pytest.mark.parametrize("frame_class", FrameClass)
def test_the_document_is_one_of_openapi(frame_class: FrameClass) -> None:
    document = describe(BoardParameters(ORIGIN, frame_class=frame_class))
    OpenAPIV31SpecValidator(document).validate()
    assert json.loads(json.dumps(document)) == document


def explore(served: tuple[Running, Any], number: settings) -> None:
    """Requests of every form, right and wrong; each answer is one that the document has."""
    server, schema = served
    cases = st.one_of(
        [
            operation.ok().as_strategy(generation_mode=mode)
            for operation in schema.get_all_operations()
            for mode in schemathesis.GenerationMode
        ]
    )
    seen = set()

    @number
    @given(cases)
    def check(case: Any) -> None:
        response = case.call(timeout=10)
        assert response.status_code < 500
        seen.add(response.status_code)
        # No schema can say which bytes are a post that somebody has signed.
        case.validate_response(response, excluded_checks=[positive_data_acceptance])

    check()
    assert {200, 404} & seen
    assert server.get("/healthz").status == 200


def test_the_board_answers_as_its_document_says(served: tuple[Running, Any]) -> None:
    explore(served, FEW)


@pytest.mark.slow
def test_the_board_answers_thousands_of_requests_as_its_document_says(
    served: tuple[Running, Any],
) -> None:
    explore(served, MANY)


def test_its_examples_of_paths_are_there(tmp_path: Path) -> None:
    """Each path of the document, with what is in an edition, is found."""
    with new_board(tmp_path) as (board, _):
        board.publish(board.epoch)
        values = {"epoch": board.epoch, "number": 0, "level": 0}
        with running(create_app(board)) as server:
            for path, methods in describe(board.parameters)["paths"].items():
                index = "000" if "epoch" in path else "000.p/2"
                if "get" in methods:
                    found = server.get(path.format(**values, index=index))
                    assert found.status == 200, path
