"""What the answer of a TLS service says about who asked."""

from __future__ import annotations

import pytest
from ansible_collections.honeycomb.cloud.plugins.module_utils.pki import access


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, "served"), (302, "served"), (401, "refused"), (403, "refused"), (400, "unanswered"), (404, "unanswered"), (503, "unanswered")],
)
def test_only_401_and_403_refuse_and_other_errors_answer_nothing(status, outcome):
    assert access.of_status(status) == outcome


@pytest.mark.parametrize(
    "text",
    [
        "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert",
        "[SSL: UNEXPECTED_EOF_IN_VIOLATION]",
        "EOF occurred in violation of protocol",
    ],
)
def test_an_alert_of_the_server_is_a_refusal(text):
    assert access.of_tls_error(text) == "refused"


def test_a_bad_certificate_of_the_server_is_no_refusal():
    assert access.of_tls_error("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed") == "unusable"


def test_a_ca_that_is_not_there_proves_nothing(tmp_path):
    outcome, seen = access.attempt("https://localhost:1/", str(tmp_path / "ca.crt"), None, None)
    assert outcome == "unusable"
    assert "ca.crt" in seen
