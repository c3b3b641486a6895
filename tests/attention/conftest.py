import jaxtyping
import pytest


@pytest.fixture
def as_users():
    """Without the checks of types that only the tests have."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
