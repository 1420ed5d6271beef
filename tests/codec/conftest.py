"""Codecs that the tests of this folder share."""

import pytest
import tiny_codec


@pytest.fixture(scope="session")
def hyperprior(tmp_path_factory):
  return tiny_codec.hyperprior(tmp_path_factory.mktemp("codecs") / "hyperprior")


@pytest.fixture(scope="session")
def factorized(tmp_path_factory):
  return tiny_codec.factorized(tmp_path_factory.mktemp("codecs") / "factorized")


@pytest.fixture(scope="session")
def context(tmp_path_factory):
  return tiny_codec.context(tmp_path_factory.mktemp("codecs") / "context")


@pytest.fixture(scope="session")
def restored(tmp_path_factory):
  return tiny_codec.restored(tmp_path_factory.mktemp("codecs") / "restored")


@pytest.fixture(params=["hyperprior", "factorized", "context"])
def bundle(request):
  return request.getfixturevalue(request.param)
